/**
 * A command written as one text, split into words as Compose splits it: no shell runs, so quotes and backslashes
 * mean what they mean in a shell, and what only a shell can do is refused.
 */
import type { Mistake } from './not-yet.ts';

const throughShell = (text: string): string => {
  const quoted = text.trim().replaceAll("'", "''").replace(/\s+/g, ' ');
  return quoted.length > 60 ? "run a shell: ['sh', '-c', '…']" : `put it in quotes, or run a shell: ['sh', '-c', '${quoted}']`;
};

/** `sh -c "exit 3"` → `['sh', '-c', 'exit 3']`. In and out of double quotes a backslash takes what follows as it is, `\n` and `\t` as in C. */
export function splitWords(text: string): readonly string[] | Mistake {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\' && quote !== "'") {
      at += 1;
      if (at === text.length) return { mistake: 'the command ends with a backslash', next: 'remove it, or write two' };
      // A line that is continued.
      if (text[at] !== '\n') word = (word ?? '') + escaped(text.charAt(at));
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[;&|<>()`]/.test(character)) {
      return { mistake: `no shell reads this command, so '${character}' means nothing in it`, next: throughShell(text) };
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '')
    return { mistake: `a text in the command begins with ${quote} and has no end`, next: `close it with ${quote}` };
  return word === undefined ? words : [...words, word];
}

const escaped = (character: string): string => (character === 'n' ? '\n' : character === 't' ? '\t' : character);
