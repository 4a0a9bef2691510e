/** For `node --import`: the time of day is off by what the file STEPPED says, in seconds, and changes with it. */
import fs from 'node:fs';

const Real = Date;
const file = process.env.STEPPED ?? '';
const now = (): number => Real.now() + 1000 * Number(fs.readFileSync(file, 'utf8'));

globalThis.Date = new Proxy(Real, {
  construct: (date, words: readonly unknown[]) => Reflect.construct(date, words.length === 0 ? [now()] : words),
  get: (date, name) => (name === 'now' ? now : Reflect.get(date, name)),
});
