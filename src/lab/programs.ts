/** The programs of a machine: started as children of its process 1, and ready once their socket answers. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LandlineError } from '../errors.ts';
import type { Program } from './describe.ts';
import { environmentOfPrograms, foldersOfPrograms, programInside } from './enter.ts';
import { identify, isRunning } from './process.ts';
import { isWhole, type MachineRecord, type ProgramRecord, procOf } from './record.ts';

const patienceMs = 20_000;

/** Whether a program is there, or has to be. */
export function isToRun({ optional, command: [name = ''] }: Program): boolean {
  return optional !== true || foldersOfPrograms.some((folder) => fs.existsSync(path.join(folder, name)));
}

/** Starts those that do not run, and returns them all. @throws LandlineError LAB_FAILED, PROGRAM_MISSING */
export async function startPrograms(machine: MachineRecord, programs: readonly Program[]): Promise<readonly ProgramRecord[]> {
  return Promise.all(programs.map(async (it) => (await findRunning(machine, it)) ?? (await startProgram(machine, it))));
}

async function findRunning(machine: MachineRecord, program: Program): Promise<ProgramRecord | undefined> {
  const record = machine.programs.find((it) => it.name === program.name);
  return record !== undefined && (await isProgramRunning(machine, record)) ? record : undefined;
}

/** Whether the program runs; one with a socket when it answers there, whoever has started it. */
export async function isProgramRunning(machine: MachineRecord, program: ProgramRecord): Promise<boolean> {
  // The pid of a machine that has ended may be somebody else's by now.
  if (!isWhole(machine)) return false;
  return program.socket === undefined ? isAlive(machine, program) : answers(machine, program.socket);
}

const isAlive = (machine: MachineRecord, program: ProgramRecord): boolean => isRunning(program.process, procOf(machine));

async function startProgram(machine: MachineRecord, program: Program): Promise<ProgramRecord> {
  const pid = Number(await readOutput(programInside(machine, program.command, program.log)));
  const process = identify(pid, procOf(machine));
  if (process === undefined) throw ended(machine, program);
  const record = { name: program.name, process, ...(program.socket === undefined ? {} : { socket: program.socket }) };
  await untilAnswered(machine, program, record);
  await untilListening(machine, program, record);
  return record;
}

async function readOutput({ file, args }: { readonly file: string; readonly args: readonly string[] }): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/', env: environmentOfPrograms() });
  const failed = (reason: string): LandlineError => new LandlineError('LAB_FAILED', { doing: 'enter a machine', reason });
  const texts = { out: '', error: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.error += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = new LandlineError('PROGRAM_MISSING', { program: file, purpose: 'for the lab' });
      reject(error.code === 'ENOENT' ? missing : failed(error.message));
    });
    child.on('close', (code) => (code === 0 ? resolve(texts.out) : reject(failed(texts.error.trim() || `status ${code}`))));
  });
}

async function untilAnswered(machine: MachineRecord, program: Program, { socket, ...record }: ProgramRecord): Promise<void> {
  const end = performance.now() + patienceMs;
  while (socket !== undefined && !(await answers(machine, socket))) {
    if (!isAlive(machine, record)) throw ended(machine, program);
    if (performance.now() > end) throw failed(machine, program, `nothing answers at ${socket} after ${patienceMs / 1000} s`);
    await sleep(10);
  }
}

async function untilListening(machine: MachineRecord, program: Program, record: ProgramRecord): Promise<void> {
  const { port } = program;
  const end = performance.now() + patienceMs;
  while (port !== undefined && !isListening(machine, port)) {
    if (!isAlive(machine, record)) throw ended(machine, program);
    if (performance.now() > end) throw failed(machine, program, `nothing listens on port ${port} after ${patienceMs / 1000} s`);
    await sleep(10);
  }
}

/** proc_net_tcp: local address and port in hex, state 0A is LISTEN; in the machine's own network namespace. */
function isListening(machine: MachineRecord, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`^ *\\d+: [0-9A-F]{8}:${hex} [0-9A-F:]+ 0A `, 'm').test(
    fs.readFileSync(`/proc/${machine.init.pid}/net/tcp`, 'utf8'),
  );
}

/** Any answer of HTTP is one: whatever the program says of itself, it is there. */
function answers(machine: MachineRecord, socket: string): Promise<boolean> {
  const socketPath = `/proc/${machine.init.pid}/root${socket}`;
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path: '/v1/version', headers: { host: 'landline' }, timeout: 2000 }, (response) => {
      response.resume().on('close', () => resolve(true));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

const failed = (machine: MachineRecord, program: Program, reason: string): LandlineError =>
  new LandlineError('LAB_FAILED', { doing: `start ${program.name} in ${machine.name}`, reason });

function ended(machine: MachineRecord, program: Program): LandlineError {
  const lines = lastLines(path.join(`/proc/${machine.init.pid}/root`, program.log));
  return failed(machine, program, lines === '' ? 'it ended without a word' : `it ended, and said: ${lines}`);
}

function lastLines(file: string): string {
  if (!fs.existsSync(file)) return '';
  return fs.readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' | ');
}
