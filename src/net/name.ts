/** The shapes of names: environments and services, hostnames, links. */

/** What `isEnvironmentName` accepts, for people. */
export const environmentNameRule = "lower-case letters, digits and '-', at most 63, not beginning with '-'";

export function isEnvironmentName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text);
}

/** One label of RFC 1123: letters, digits and hyphens, at most 63, no hyphen at either end. */
export function isHostname(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);
}

/** Characters of the longest name, without its final dot (RFC 1035 section 2.3.4). */
export const longestDomainName = 253;

/** A domain name of such labels, without its final dot. */
export function isDomainName(text: string): boolean {
  return text.length <= longestDomainName && text.split('.').every(isHostname);
}

/** What `isLinkName` accepts, for people (IFNAMSIZ, linux/if.h). */
export const linkNameRule = "at most 15 bytes, without space, '/' or ':', and not '.', '..' or 'lo'";

export function isLinkName(text: string): boolean {
  return /^[\x21-\x7e]{1,15}$/.test(text) && !/[/:%]/.test(text) && !['.', '..', 'lo', 'all', 'default'].includes(text);
}

/** The nearest of `known` to a name that was mistyped, if one is near enough (optimal string alignment, at most a third wrong). */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, far: distance(name, candidate) }))
    .filter(({ candidate, far }) => far <= Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3)))
    .sort((a, b) => a.far - b.far);
  return ranked[0]?.candidate;
}

function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + (same ? 0 : 1));
      (rows[i] as number[])[j] = swapped ? Math.min(best, cell(i - 2, j - 2) + 1) : best;
    }
  }
  return cell(a.length, b.length);
}
