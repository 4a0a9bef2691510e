/** What the table of Compose's keys says of the keys of one mapping. */
import { type ComposeLevel, composeKeys, treatmentOf } from './compose-keys.ts';
import type { Report } from './report.ts';
import { nearestWord, suggest } from './shape.ts';
import type { MapNode } from './tree.ts';

/** Services of one file share their network: what Compose has for that is so already. */
const sharesAlready = /^(bridge|default|service:.+)$/;

/** Refuses what this version cannot do and what Compose does not know; notes what has no effect, each key once in a file. */
export function checkComposeKeys(level: ComposeLevel, node: MapNode, report: Report, noted = new Set<string>()): void {
  const withImage = level === 'top' || node.entries.has('image');
  for (const [key, { keyAt, value }] of node.entries) {
    if (key.startsWith('x-')) continue;
    if (key === 'network_mode' && value.kind === 'scalar' && sharesAlready.test(value.text)) {
      report.note(keyAt, "'network_mode' has no effect: the services of an environment share one network");
      continue;
    }
    const treatment = treatmentOf(level, key, withImage);
    if (treatment === undefined) reportUnknown(level, key, keyAt, report);
    else if (treatment.kind === 'refused') {
      const ofContainers = !withImage && treatmentOf(level, key)?.kind === 'honoured';
      const says = ofContainers
        ? `'${key}' is for containers, and this service has no 'image'`
        : `Compose's '${key}' is not part of this version`;
      report.problem(keyAt, treatment.why ?? says, treatment.next ?? 'remove it');
    } else if (treatment.kind === 'noted' && !noted.has(key)) {
      report.note(keyAt, `'${key}' has no effect: ${treatment.why}`);
      noted.add(key);
    }
  }
}

function reportUnknown(level: ComposeLevel, key: string, at: number, report: Report): void {
  const known = Object.keys(composeKeys[level]);
  const near = nearestWord(key, known);
  const other = level === 'top' ? 'service' : 'top';
  const elsewhere =
    treatmentOf(other, key)?.kind === 'honoured'
      ? `write it ${other === 'top' ? 'at the top of the file' : 'inside of a service'}`
      : undefined;
  const honoured = known.filter((one) => treatmentOf(level, one)?.kind === 'honoured');
  report.problem(
    at,
    `Compose knows no key '${key}' ${level === 'top' ? 'at the top of a file' : 'in a service'}`,
    near === undefined ? (elsewhere ?? suggest(key, honoured)) : suggest(key, known),
  );
}
