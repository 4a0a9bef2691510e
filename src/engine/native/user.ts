/** As whom a service runs: names of users and groups become numbers, as they do in Docker. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary ones. */
  readonly groups: readonly number[];
  readonly home: string;
}

/** What there is no entry for. */
export interface UnknownUser {
  readonly kind: 'user' | 'group';
  readonly name: string;
}

/** Lines of passwd(5) and group(5). */
export interface UserDatabase {
  /** By name or number; undefined where there is none. */
  user(key: string): string | undefined;
  group(key: string): string | undefined;
  /** Numbers of the groups that have this user as a member. */
  groupsOf(name: string): readonly number[];
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** `USER` or `USER:GROUP`. With a group written, it is the only one; a number needs no entry. `more` are further groups. */
export function resolveUser(written: string, more: readonly string[], database: UserDatabase): RunAs | UnknownUser {
  const [user = '', group] = written.split(':');
  const entry = database.user(user)?.split(':');
  if (entry === undefined && !isNumber(user)) return { kind: 'user', name: user };
  const name = entry?.[0] ?? '';
  const groups = [...(group === undefined ? [] : [group]), ...more].map((it) => ({ it, gid: groupNumber(it, database) }));
  const unknown = groups.find(({ gid }) => gid === undefined);
  if (unknown !== undefined) return { kind: 'group', name: unknown.it };
  const numbers = groups.flatMap(({ gid }) => gid ?? []);
  const [gid = 0, ...rest] = group === undefined ? [Number(entry?.[3] ?? 0), ...database.groupsOf(name), ...numbers] : numbers;
  const own = new Set(rest);
  return { uid: Number(entry?.[2] ?? user), gid, groups: [...own], home: entry?.[5] || '/' };
}

function groupNumber(key: string, database: UserDatabase): number | undefined {
  const number = database.group(key)?.split(':')[2];
  if (number !== undefined) return Number(number);
  return isNumber(key) ? Number(key) : undefined;
}

/** Of texts in the formats of passwd(5) and group(5). */
export function databaseOf(passwd: string, group: string): UserDatabase {
  const users = linesOf(passwd);
  const groups = linesOf(group);
  return {
    user: (key) => findLine(users, key),
    group: (key) => findLine(groups, key),
    groupsOf: (name) =>
      groups.filter((it) => name !== '' && it[3]?.split(',').includes(name) === true).map((it) => Number(it[2])),
  };
}

const linesOf = (text: string): string[][] => text.split('\n').map((line) => line.split(':'));

function findLine(lines: readonly string[][], key: string): string | undefined {
  const found = lines.find((it) => it[0] === key) ?? (isNumber(key) ? lines.find((it) => it[2] === key) : undefined);
  return found?.join(':');
}

/** This machine's: the files, and what else it is told to ask (nsswitch.conf(5)) where they have no entry. */
export function machineUsers(): UserDatabase {
  const files = databaseOf(readText('/etc/passwd'), readText('/etc/group'));
  return {
    user: (key) => files.user(key) ?? (isNumber(key) ? undefined : ask('passwd', key)),
    group: (key) => files.group(key) ?? (isNumber(key) ? undefined : ask('group', key)),
    groupsOf: files.groupsOf,
  };
}

function ask(database: string, key: string): string | undefined {
  try {
    const line = execFileSync('getent', [database, '--', key], {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return line === '' ? undefined : line;
  } catch {
    // Status 2: there is none; or there is no getent.
    return undefined;
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
