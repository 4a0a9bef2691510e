/**
 * What the files may one day say and this version does not do, by place. A capability that arrives takes its line out
 * of here and puts it where it is read.
 */

/** What to write instead, by word; the key `*` stands for what follows a colon. */
type Words = Readonly<Record<string, string>>;

export const notYet = {
  /** Keys of landline.yaml. */
  configuration: {},
  /** Keys of one network of landline.yaml. */
  network: {},
  /** Keys of x-landline. */
  endpoint: {},
  /** Values of x-landline's `network`. */
  endpointNetwork: {},
  /** Values of x-landline's `address`. */
  endpointAddress: {},
} as const satisfies Record<string, Words>;

/** What is wrong with a word, and what to write instead. */
export interface Mistake {
  readonly mistake: string;
  /** Left out: the field's example. */
  readonly next?: string;
}

/** The mistake of writing `word` where the table above names it; undefined when it does not. */
export function refuseNotYet(where: keyof typeof notYet, word: string): Mistake | undefined {
  const words: Words = notYet[where];
  const known = Object.hasOwn(words, word) ? word : word.replace(/:.*$/s, ':*');
  const next = Object.hasOwn(words, known) ? words[known] : undefined;
  return next === undefined ? undefined : { mistake: `'${word}' is not part of this version`, next };
}
