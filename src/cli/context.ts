/** What every command is given. */
import type { Command } from 'commander';
import { type Client, connect } from '../api/client.ts';
import type { HostFacts } from '../files/index.ts';
import type { LabStatus } from '../lab/status.ts';
import type { PrepareDoor } from '../prepare/index.ts';

/** The rooms behind the front door, opened only when a command asks for them. */
export interface Doors {
  readonly daemon: (options: {
    readonly config: string;
    readonly configRequired: boolean;
    readonly stateDir: string;
    readonly socket: string;
  }) => Promise<void>;
  readonly lab: () => Promise<LabDoor>;
  readonly prepare: () => Promise<PrepareDoor>;
  readonly inspectHost: () => Promise<HostFacts>;
}

export interface LabDoor {
  labUp(options: {
    readonly name: string;
    readonly plainNic: boolean;
    readonly docker: boolean;
    readonly secondLan: boolean;
    readonly dns: boolean;
    readonly onProgress?: (line: string) => void;
  }): Promise<LabStatus>;
  isDockerInstalled(): boolean;
  isBindInstalled(): boolean;
  labDown(options: { readonly name: string }): Promise<void>;
  labStatus(options: { readonly name?: string }): Promise<readonly LabStatus[]>;
  labExec(options: { readonly name: string; readonly host: string; readonly command: readonly string[] }): Promise<number>;
}

export interface Context {
  readonly doors: Doors;
  readonly argv: readonly string[];
  /** For commands that pass on another program's exit status. */
  readonly setStatus: (status: number) => void;
  /** The whole program, for completing words. */
  readonly loadAll: () => Promise<Command>;
}

/** Adds one command to the program. */
export type AddCommand = (root: Command, context: Context) => void;

/** The socket of the daemon that commands speak to. */
export function defaultSocket(): string {
  return process.env['LANDLINE_SOCKET'] || '/run/landline/landline.sock';
}

/** A client of that daemon. */
export function client(): Client {
  return connect(defaultSocket());
}
