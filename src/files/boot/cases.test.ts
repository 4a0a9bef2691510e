import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { type BootFiles, type BootWish, type ManagerName, managers } from '../../core/bridge/boot.ts';
import { planBootFiles } from './index.ts';

/**
 * A case is one text: comments that say where its files come from, the wish, then the files before and after, each
 * behind a line `=== before /PATH` or `=== after /PATH`, without those that stay; `=== gone /PATH` is one that is removed.
 * `=== notes` is what a person is told, `=== refused` stands instead of files.
 */
interface Case {
  readonly wish: BootWish;
  readonly before: BootFiles;
  readonly after: ReadonlyMap<string, string | undefined>;
  readonly refused?: string;
  readonly notes: readonly string[];
}

const folder = path.join(import.meta.dirname, 'cases');

function readCase(text: string): Case {
  const [head = '', ...parts] = text.split(/^=== /m);
  const words = /^wish (.*)$/m.exec(head)?.[1]?.split(' ') ?? [];
  const given = Object.fromEntries(words.map((it) => it.split('=')));
  const found = parts.map((it) => /^(\S+) ?(.*)\n([\s\S]*)$/.exec(it) ?? []);
  const gone = found.filter((it) => it[1] === 'gone').map(([, , file = '']): [string, undefined] => [file, undefined]);
  const named = (kind: string): BootFiles =>
    new Map(found.filter((it) => it[1] === kind).map(([, , file = '', content = '']) => [file, content]));
  const textOf = (kind: string): string | undefined => found.find((it) => it[1] === kind)?.[3]?.trim();
  const refused = textOf('refused');
  return {
    wish: {
      link: 'ens33',
      bridge: 'br0',
      mac: '52:54:00:00:00:20',
      uuid: '6c616e64-6c69-4e65-8000-000000000020',
      automatic: given['automatic'] === 'yes',
      bridgeHooks: given['hooks'] !== 'no',
      ...(given['iaid'] === undefined ? {} : { iaid: Number(given['iaid']) }),
      ...(given['from'] === undefined ? {} : { networkFile: given['from'] }),
    },
    before: named('before'),
    after: new Map([...named('after'), ...gone]),
    notes: textOf('notes')?.split('\n') ?? [],
    ...(refused === undefined ? {} : { refused }),
  };
}

/** Which files change, and what is said. */
function outcome(manager: ManagerName, { wish, before }: Case): Pick<Case, 'after' | 'refused' | 'notes'> {
  const plan = planBootFiles(manager, before, wish);
  if (plan.kind === 'absent') return { after: new Map(), notes: [], refused: `${plan.file}: ${plan.reason}` };
  if (plan.kind === 'refused') return { after: new Map(), notes: [], refused: `${plan.file}: ${plan.reason}\n→ ${plan.next}` };
  for (const it of plan.changes) {
    assert.equal(it.before, before.get(it.path), `${it.path} before`);
    assert.notEqual(it.before, it.after, `${it.path} is named and does not change`);
  }
  const after = new Map(plan.changes.map((it) => [it.path, it.after]));
  return { after, notes: plan.notes };
}

for (const manager of managers) {
  const names = fs.readdirSync(path.join(folder, manager)).sort();
  test(`${manager}: eight shapes of its files at least`, () => assert.ok(names.length >= 8, names.join(', ')));
  for (const name of names) {
    test(`${manager}: ${name.replace('.txt', '').replaceAll('-', ' ')}`, () => {
      const it = readCase(fs.readFileSync(path.join(folder, manager, name), 'utf8'));
      const seen = outcome(manager, it);
      assert.equal(seen.refused, it.refused);
      if (it.refused === undefined) assert.deepEqual(new Map([...seen.after].sort()), new Map([...it.after].sort()));
      assert.deepEqual(seen.notes, it.notes);
    });
  }
}
