/** `env_file` of a service: files of variables, read where the environment file is. */
import { z } from 'zod';
import { type FileProblem, isLandlineError } from '../errors.ts';
import { parseDotenv } from './dotenv.ts';
import type { Variables } from './interpolate.ts';
import type { Mistake } from './not-yet.ts';
import { resolvePath } from './paths.ts';
import type { Report } from './report.ts';
import { text } from './shape.ts';
import { nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** Reads a file by its absolute path; undefined where there is none. @throws Error with its reason when it cannot be read. */
export type ReadFile = (file: string) => Uint8Array | undefined;

function parsePath(written: string): string | Mistake {
  if (written.includes('\0')) return { mistake: 'no path can hold the character U+0000', next: 'remove it' };
  if (written.startsWith('~'))
    return { mistake: `no shell reads '${written}', so '~' is nobody's home`, next: 'write the whole path' };
  return written;
}

const path = () => text('from the folder of the environment file', 'shop.env', parsePath);

const entrySchema = z
  .strictObject({
    path: path(),
    required: z.boolean().meta({ description: 'false: the file may be missing' }).optional(),
    format: z
      .enum(['raw'])
      .meta({ description: 'raw: values are taken as they are', examples: ['raw'] })
      .optional(),
  })
  .meta({ title: 'env_file' });

export const envFileSchema = z.union([path(), z.array(z.union([path(), entrySchema]))]).meta({ examples: [['shop.env']] });

/** The variables of all files; later ones go before. */
export function readEnvFiles(
  root: TreeNode,
  at: Path,
  files: z.output<typeof envFileSchema> | undefined,
  context: { readonly directory: string; readonly variables: Variables | undefined; readonly readFile: ReadFile | undefined },
  report: Report,
): Readonly<Record<string, string>> {
  if (files === undefined) return {};
  const { readFile } = context;
  if (readFile === undefined) {
    report.problem(
      offsetAt(root, at, 'key'),
      "'env_file' is read where the environment file is, not here",
      "write the variables under 'environment'",
    );
    return {};
  }
  const found = [files].flat().map((entry, index) => {
    const { path: written, required = true, format } = typeof entry === 'string' ? { path: entry } : entry;
    const offset = nodeAt(root, [...at, index])?.at ?? offsetAt(root, at);
    return readOne(
      resolvePath(context.directory, written),
      { required, raw: format === 'raw' },
      context.variables ?? {},
      readFile,
      (message, next) => report.problem(offset, message, next),
    );
  });
  return Object.assign({}, ...found);
}

type Tell = (message: string, next: string) => void;

function readOne(
  file: string,
  { required, raw }: { required: boolean; raw: boolean },
  variables: Variables,
  readFile: ReadFile,
  tell: Tell,
): Readonly<Record<string, string>> {
  try {
    const text = readFile(file);
    if (text !== undefined) return raw ? parseRaw(text) : parseDotenv(text, file, variables);
    if (required) tell(`there is no file ${file}`, 'check the path, or write { path: FILE, required: false }');
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID'))
      tell(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'check its permissions');
    // The catalogue's details are of its code.
    else
      for (const it of error.details.problems as readonly FileProblem[])
        tell(`${file}:${it.line}:${it.column}: ${it.message}`, it.next);
  }
  return {};
}

/** NAME=VALUE lines, each value to the end of its line, whatever is in it. */
function parseRaw(bytes: Uint8Array): Readonly<Record<string, string>> {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
  const pairs = lines.flatMap((line) => {
    const at = line.indexOf('=');
    return at < 1 || /^\s*#/.test(line) || line.includes('\0') ? [] : [[line.slice(0, at).trim(), line.slice(at + 1)] as const];
  });
  return Object.fromEntries(pairs);
}
