/** Commands in running containers. */
import type { Caller } from './caller.ts';
import { about, pathOf } from './container-calls.ts';
import { type Output, readFrames, readRaw } from './read.ts';

export interface ExecWish {
  readonly command: readonly string[];
  /** `NAME=VALUE`, besides the container's own. */
  readonly env?: readonly string[];
  /** `USER` or `USER:GROUP`; left out: the container's. */
  readonly user?: string;
  readonly workingDir?: string;
  readonly privileged?: boolean;
  /** With a terminal, everything it writes is stdout. */
  readonly tty?: boolean;
  /** Whether it is given input. */
  readonly stdin?: boolean;
}

export interface Exec {
  readonly id: string;
  /** What it writes, until it ends. Must be read. */
  readonly output: AsyncIterable<Output>;
  /** Gives it input; resolves when more is welcome. */
  write(bytes: Uint8Array): Promise<void>;
  /** The end of its input. */
  endInput(): void;
  /** The size of its terminal. */
  resize(rows: number, columns: number): Promise<void>;
  /** Its exit status once its output has ended; 128 + the signal's number where a signal ended it. */
  status(): Promise<number>;
  /** Lets go of it; the command itself goes on. */
  close(): void;
}

export interface Execs {
  /** Starts a command. @throws LandlineError CONTAINER_UNKNOWN; DOCKER_REFUSED with status 409 when the container does not run */
  start(container: string, wish: ExecWish): Promise<Exec>;
  /** The same for a command without input, to its end. */
  run(container: string, command: readonly string[], wish?: Omit<ExecWish, 'command' | 'stdin' | 'tty'>): Promise<ExecOutcome>;
}

export interface ExecOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function execsOn(caller: Caller): Execs {
  const start: Execs['start'] = async (container, wish) => {
    const tty = wish.tty === true;
    const created = await caller.call({
      method: 'POST',
      path: `${pathOf(container)}/exec`,
      json: {
        Cmd: wish.command,
        Env: wish.env ?? [],
        User: wish.user ?? '',
        WorkingDir: wish.workingDir ?? '',
        Privileged: wish.privileged === true,
        Tty: tty,
        AttachStdin: wish.stdin === true,
        AttachStdout: true,
        AttachStderr: true,
      },
      ...about(container, 'run a command in'),
    });
    // A cast: the shape is the one that Docker documents.
    const { Id: id } = created as { readonly Id: string };
    const doing = `run a command in container '${container}'`;
    const { socket, head } = await caller.takeOver({
      method: 'POST',
      path: `/exec/${id}/start`,
      json: { Detach: false, Tty: tty },
      doing,
    });
    if (head.length > 0) socket.unshift(head);
    const inspect = async (): Promise<{ readonly Running: boolean; readonly ExitCode: number | null }> =>
      (await caller.call({ method: 'GET', path: `/exec/${id}/json`, doing })) as { Running: boolean; ExitCode: number | null };
    const read = tty ? readRaw : readFrames;
    return {
      id,
      output: read(socket),
      write: (bytes) =>
        new Promise((resolve, reject) => {
          socket.write(bytes, (error) => (error == null ? resolve() : reject(error)));
        }),
      endInput: () => void socket.end(),
      resize: async (rows, columns) =>
        void (await caller.call({ method: 'POST', path: `/exec/${id}/resize`, query: { h: rows, w: columns }, doing })),
      status: async () => {
        // Its output ends a moment before Docker knows how it ended.
        for (let wait = 1; ; wait = Math.min(wait * 2, 200)) {
          const { Running: running, ExitCode: status } = await inspect();
          if (!running && status !== null) return status;
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      },
      close: () => void socket.destroy(),
    };
  };

  const run: Execs['run'] = async (container, command, wish = {}) => {
    const exec = await start(container, { ...wish, command });
    const said: Record<Output['stream'], Buffer[]> = { stdout: [], stderr: [] };
    try {
      for await (const { stream, bytes } of exec.output) said[stream].push(Buffer.from(bytes));
      const text = (stream: Output['stream']): string => Buffer.concat(said[stream]).toString('utf8');
      return { status: await exec.status(), stdout: text('stdout'), stderr: text('stderr') };
    } finally {
      exec.close();
    }
  };

  return { start, run };
}
