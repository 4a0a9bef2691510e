import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { type Completion, complete, type Names } from './complete.ts';

const names: Names = {
  environments: async () => ['shop', 'shop-feature-12'],
  services: async () => ['shop/web', 'shop/db'],
  networks: async () => ['office', 'none'],
};

function program(): Command {
  const root = new Command('landline');
  root.command('up').option('-f, --file <file>').option('--network <network>').option('--no-wait');
  root.command('exec').argument('<name[/service]>').argument('[command...]');
  root.command('down').argument('[name...]').option('--all');
  root.command('complete', { hidden: true }).argument('[words...]');
  const address = root.command('address');
  address.command('ls');
  address.command('release').argument('<address>');
  return root;
}

const words = (...list: string[]): Completion => ({ kind: 'words', words: list });

const cases: readonly (readonly [typed: readonly string[], offered: Completion])[] = [
  [[''], words('up', 'exec', 'down', 'address', 'help')],
  [['e'], words('exec')],
  [['compl'], words()],
  [['address', ''], words('ls', 'release', 'help')],
  [['address', 'release', ''], words()],
  [['up', '--n'], words('--network', '--no-wait')],
  [['up', '--network', ''], words('office', 'none')],
  [['up', '--network', 'of'], words('office')],
  [['up', '-f', ''], { kind: 'files' }],
  [['up', '--no-wait', ''], words()],
  [['exec', 'shop/'], words('shop/web', 'shop/db')],
  [['exec', 'shop', '--', ''], { kind: 'files' }],
  [['down', 'shop', 'shop-'], words('shop-feature-12')],
];

for (const [typed, offered] of cases) {
  test(`after 'landline ${typed.join(' ')}' comes ${offered.kind === 'files' ? 'a file' : offered.words.join(', ') || 'nothing'}`, async () => {
    assert.deepEqual(await complete(program(), typed, names), offered);
  });
}
