/** Where the readers of a file put what they find: mistakes, which refuse the file, and notes, which do not. */
import { type FileProblem, LandlineError } from '../errors.ts';
import { type Place, placeOf, type Source } from './source.ts';

/** Something that a person should know about a file that is taken all the same. */
export interface Note extends Place {
  /** What is, and what follows from it. */
  readonly message: string;
}

/** Mistakes and notes of one file; offsets are into its text. */
export interface Report {
  readonly source: Source;
  /** `message`: what is wrong; `next`: what to write instead. Said once, however often it is met. */
  readonly problem: (at: number, message: string, next: string) => void;
  readonly note: (at: number, message: string) => void;
  /** Says that what is at this offset is known to be wrong: problems that it leads to are left out from now on. */
  readonly mute: (at: number) => void;
  /** The notes so far, in the order of the file. */
  readonly notes: () => readonly Note[];
  /** @throws LandlineError FILE_INVALID with its problems in the order of the file (the first hundred found), when there is one. */
  readonly refuseIfWrong: () => void;
}

/** A file with more mistakes than this is the wrong file, and nobody reads on. */
const MOST = 100;

export function openReport(source: Source): Report {
  const problems = new Map<string, FileProblem>();
  const notes = new Map<string, Note>();
  const muted = new Set<number>();
  return {
    source,
    problem: (at, message, next) => {
      if (problems.size >= MOST || muted.has(at)) return;
      const place = placeOf(source, at);
      problems.set(keyOf(place, message), { ...place, message: clip(message), next: clip(next) });
    },
    note: (at, message) => {
      if (notes.size >= MOST) return;
      const place = placeOf(source, at);
      notes.set(keyOf(place, message), { ...place, message: clip(message) });
    },
    mute: (at) => {
      muted.add(at);
    },
    notes: () => [...notes.values()].sort(byPlace),
    refuseIfWrong: () => {
      if (problems.size === 0) return;
      throw new LandlineError('FILE_INVALID', { file: source.file, problems: [...problems.values()].sort(byPlace) });
    },
  };
}

/** What a person wrote is quoted, and may be long. */
const clip = (text: string): string => (text.length <= 400 ? text : `${text.slice(0, 400)}…`);

const keyOf = (place: Place, message: string): string => `${place.line}:${place.column}:${message}`;

const byPlace = (a: Place, b: Place): number => a.line - b.line || a.column - b.column;
