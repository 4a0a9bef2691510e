import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf } from '../../src/engine/docker/logs.ts';
import type { DockerEvent } from '../../src/engine/docker/types.ts';
import { withDockerOffice } from './office.ts';

test('the client against a real Docker', async (t) => {
  await withDockerOffice(t, { daemon: false }, async (office) => {
    const { docker } = office;
    const sleeping = { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none', Init: true } } as const;

    await t.test('the version that both speak, and what the Engine says of itself', async () => {
      assert.equal(await docker.ping(), (await docker.version()).ApiVersion);
      assert.equal((await docker.inspect()).LiveRestoreEnabled, false);
    });

    await t.test('an image is loaded from a tar that was made here, twice with the same id', async () => {
      await office.loadImage('test/box:1', { Labels: { of: 'test' } });
      const first = await docker.images.inspect('test/box:1');
      await office.loadImage('test/box:1', { Labels: { of: 'test' } });
      const second = await docker.images.inspect('test/box:1');
      assert.match(first?.Id ?? '', /^sha256:[0-9a-f]{64}$/);
      assert.equal(second?.Id, first?.Id);
      assert.deepEqual(first?.Config?.Labels, { of: 'test' });
      assert.equal(await docker.images.inspect('test/none'), undefined);
    });

    await t.test('a container from its creation to its removal', async () => {
      const { id } = await docker.containers.create({ Image: 'test/box:1', Labels: { a: 'b' }, ...sleeping }, { name: 'box' });
      assert.equal((await docker.containers.inspect('box'))?.State.Status, 'created');
      await docker.containers.start('box');
      await docker.containers.start('box');
      const running = await docker.containers.inspect(id);
      assert.equal(running?.State.Running, true);
      assert.ok((running?.State.Pid ?? 0) > 0);
      assert.deepEqual(
        (await docker.containers.list({ label: ['a=b'] })).map((it) => [it.Id, it.Names, it.State]),
        [[id, ['/box'], 'running']],
      );
      assert.deepEqual(await docker.containers.list({ label: ['a=c'] }), []);

      await docker.containers.rename('box', 'case');
      await docker.containers.update('case', { RestartPolicy: { Name: 'always' } });
      const renamed = await docker.containers.inspect(id);
      assert.deepEqual([renamed?.Name, renamed?.HostConfig.RestartPolicy?.Name], ['/case', 'always']);

      await docker.containers.restart('case', 0);
      const again = await docker.containers.inspect(id);
      assert.notEqual(again?.State.StartedAt, running?.State.StartedAt);

      await docker.containers.update('case', { RestartPolicy: { Name: 'no' } });
      await docker.containers.kill('case', 'SIGKILL');
      assert.equal(await docker.containers.wait('case', 'not-running'), 137);
      await docker.containers.stop('case');
      await docker.containers.remove('case');
      await docker.containers.remove('case');
      assert.equal(await docker.containers.inspect(id), undefined);
    });

    await t.test('what is refused is told in the words of Docker', async () => {
      await assert.rejects(docker.containers.start('nobody'), { code: 'CONTAINER_UNKNOWN', details: { container: 'nobody' } });
      await assert.rejects(docker.containers.create({ Image: 'test/none:2' }), {
        code: 'IMAGE_MISSING',
        details: { image: 'test/none:2' },
      });
      await docker.containers.create({ Image: 'test/box:1', Cmd: ['true'] }, { name: 'one' });
      await assert.rejects(docker.containers.create({ Image: 'test/box:1', Cmd: ['true'] }, { name: 'one' }), {
        code: 'DOCKER_REFUSED',
        message: /^Docker refused to create container 'one': Conflict\. The container name "\/one" is already in use/,
      });
      await assert.rejects(
        docker.containers.kill('one'),
        (error: { details?: { status?: number } }) => error.details?.status === 409,
      );
      await docker.containers.remove('one');
    });

    await t.test('what it wrote, out of frames and from a terminal, whole and followed', async () => {
      const script = 'echo out; echo err >&2; printf unended; sleep 0.3; echo; echo last';
      const make = async (name: string, tty: boolean): Promise<void> => {
        await docker.containers.create(
          { Image: 'test/box:1', Cmd: ['sh', '-c', script], Tty: tty, HostConfig: { NetworkMode: 'none' } },
          { name },
        );
        await docker.containers.start(name);
      };
      await make('talk', false);
      const followed = await Array.fromAsync(linesOf(docker.containers.logs('talk', { follow: true })));
      assert.deepEqual(
        followed.filter((it) => it.stream === 'stdout').map((it) => it.text),
        ['out', 'unended', 'last'],
      );
      assert.deepEqual(
        followed.filter((it) => it.stream === 'stderr').map((it) => it.text),
        ['err'],
      );
      const tail = await Array.fromAsync(linesOf(docker.containers.logs('talk', { tail: 1, timestamps: true })));
      assert.match(tail[0]?.text ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z last$/);
      assert.deepEqual(await Array.fromAsync(linesOf(docker.containers.logs('talk', { since: Date.now() + 60_000 }))), []);

      await make('tty', true);
      await docker.containers.wait('tty', 'not-running');
      const shown = await Array.fromAsync(linesOf(docker.containers.logs('tty', {})));
      assert.deepEqual(
        shown.map((it) => it.text),
        ['out', 'err', 'unended', 'last'],
      );
      await docker.containers.remove('talk');
      await docker.containers.remove('tty');
    });

    await t.test('a log that is followed ends when the one who follows has enough', async () => {
      await docker.containers.create(
        { Image: 'test/box:1', Cmd: ['sh', '-c', 'while echo tick; do sleep 0.05; done'] },
        { name: 'clock' },
      );
      await docker.containers.start('clock');
      const enough = new AbortController();
      const ticks: string[] = [];
      for await (const line of linesOf(docker.containers.logs('clock', { follow: true, signal: enough.signal }))) {
        ticks.push(line.text);
        if (ticks.length === 3) enough.abort();
      }
      assert.deepEqual(ticks.slice(0, 3), ['tick', 'tick', 'tick']);
      await docker.containers.remove('clock', { force: true });
    });

    await t.test('commands in a container: output, input, terminal, exit status', async () => {
      await docker.containers.create({ Image: 'test/box:1', ...sleeping }, { name: 'box' });
      await docker.containers.start('box');
      assert.deepEqual(
        await docker.execs.run('box', ['sh', '-c', 'echo $WHO; id -un >&2; exit 7'], { env: ['WHO=me'], user: 'web' }),
        {
          status: 7,
          stdout: 'me\n',
          stderr: 'web\n',
        },
      );
      const sum = await docker.execs.start('box', { command: ['wc', '-c'], stdin: true });
      await sum.write(Buffer.alloc(300_000));
      sum.endInput();
      const lines = await Array.fromAsync(linesOf(sum.output));
      assert.deepEqual([lines[0]?.text, await sum.status()], ['300000', 0]);

      const shell = await docker.execs.start('box', { command: ['sh'], stdin: true, tty: true });
      await shell.resize(40, 111);
      await shell.write(Buffer.from('stty size; exit 3\n'));
      const screen = (await Array.fromAsync(linesOf(shell.output))).map((it) => it.text);
      assert.ok(screen.includes('40 111'), screen.join('|'));
      assert.equal(await shell.status(), 3);
      const missing = await docker.execs.run('box', ['nothing']);
      assert.ok([126, 127].includes(missing.status) && /executable file not found/.test(missing.stdout), JSON.stringify(missing));
      await docker.containers.remove('box', { force: true });
      await assert.rejects(docker.execs.run('box', ['true']), { code: 'CONTAINER_UNKNOWN' });
    });

    await t.test('volumes and networks', async () => {
      assert.equal((await docker.volumes.create({ Name: 'data', Labels: { a: 'b' } })).Name, 'data');
      assert.deepEqual(
        (await docker.volumes.list({ label: ['a=b'] })).map((it) => it.Name),
        ['data'],
      );
      await docker.volumes.remove('data');
      await docker.volumes.remove('data');
      assert.equal(await docker.volumes.inspect('data'), undefined);

      const id = await docker.networks.create({ Name: 'lan', Driver: 'bridge', IPAM: { Config: [{ Subnet: '10.90.0.0/24' }] } });
      await docker.containers.create(
        { Image: 'test/box:1', ...sleeping, HostConfig: { NetworkMode: 'bridge' } },
        { name: 'box' },
      );
      await docker.containers.start('box');
      await docker.networks.connect('lan', 'box', { IPAMConfig: { IPv4Address: '10.90.0.7' } });
      const joined = (await docker.networks.inspect(id))?.Containers ?? {};
      assert.deepEqual(
        Object.values(joined).map((it) => it.IPv4Address),
        ['10.90.0.7/24'],
      );
      await docker.networks.disconnect('lan', 'box');
      await docker.networks.remove('lan');
      assert.ok(!(await docker.networks.list()).some((it) => it.Name === 'lan'));
      await docker.containers.remove('box', { force: true });
    });

    await t.test('events come until the Engine ends, and it is found again after its start', async () => {
      const opened = Promise.withResolvers<void>();
      const heard: DockerEvent[] = [];
      const listening = (async () => {
        for await (const event of docker.events({ filters: { type: ['container'] }, onOpen: opened.resolve })) heard.push(event);
      })();
      const ended = assert.rejects(listening, { code: 'DOCKER_UNREACHABLE' });
      await opened.promise;
      await office.dockerCommand('run', '--rm', '--network', 'none', '--name', 'short', 'test/box:1', 'true');
      await office.dockerd.stop();
      await ended;
      assert.deepEqual(
        heard.filter((it) => it.Action !== 'attach').map((it) => it.Action),
        ['create', 'start', 'die', 'destroy'],
      );
      assert.equal(heard[0]?.Actor.Attributes['name'], 'short');
      await assert.rejects(docker.containers.list(), { code: 'DOCKER_UNREACHABLE' });
      await office.dockerd.start();
      assert.deepEqual(await docker.containers.list(), []);
    });
  });
});
