import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { anchorsOf, codeSpans, listDocuments, readDocument, root } from './documents.ts';

const documents = listDocuments();

test('every link leads to a file and a heading that are there', () => {
  for (const { file, links } of documents) {
    for (const { line, target } of links) {
      const [name = '', anchor] = target.split('#');
      const found = name === '' ? file : path.join(path.dirname(file), name);
      assert.ok(fs.existsSync(path.join(root, found)), `${file}:${line}: there is no ${found}`);
      if (anchor === undefined) continue;
      assert.ok(anchorsOf(readDocument(found)).has(anchor), `${file}:${line}: ${found} has no heading #${anchor}`);
    }
  }
});

test('every document is reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const file of reached) {
    for (const { target } of readDocument(file).links) {
      const name = target.split('#')[0] ?? '';
      const found = path.join(path.dirname(file), name);
      if (name.endsWith('.md')) reached.add(found);
    }
  }
  assert.deepEqual([...reached].sort(), documents.map((it) => it.file).sort());
});

test('every path of this repository that a document names is there', () => {
  const roomPath = /^(?:src|test|docs|scripts|bin|examples|bench)\/[\w./*{},-]*$/;
  for (const document of documents) {
    for (const { line, text } of codeSpans(document)) {
      if (!roomPath.test(text)) continue;
      assert.ok(fs.globSync(text.replace(/\/$/, ''), { cwd: root }).length > 0, `${document.file}:${line}: there is no ${text}`);
    }
  }
});

test('every target of make that a document names is in the Makefile', () => {
  const makefile = fs.readFileSync(path.join(root, 'Makefile'), 'utf8');
  for (const { file, text } of documents) {
    for (const [, target = ''] of text.matchAll(/(?:`|^|sudo )make (?:-C \S+ )?([a-z]+)\b/gm)) {
      assert.match(makefile, new RegExp(`^${target}:`, 'm'), `${file}: make ${target}`);
    }
  }
});

test('addresses and names are those of the office', () => {
  const others = /\b(?:\d{1,3}\.){3}\d{1,3}\b/g;
  const office = /^(192\.168\.1[01]\.\d+|10\.[56]0\.0\.\d+|10\.88\.\d+\.\d+|127\.0\.\d\.1|0\.0\.0\.0)$/;
  for (const { file, text } of documents) {
    for (const [address] of text.matchAll(others)) assert.match(address, office, `${file} has the address ${address}`);
    for (const [url, host = ''] of text.matchAll(/\bhttps?:\/\/([^/\s`'":)]+)/g)) {
      assert.ok(
        office.test(host) || host.endsWith('.office.example') || ['localhost', 'landline'].includes(host),
        `${file} names ${url}`,
      );
    }
  }
});
