/**
 * YAML 1.2 (core schema) as Compose files use it: anchors, aliases and merge keys are followed; what one file of
 * settings cannot mean is refused: several documents, tags, keys that are not text, aliases that explode.
 */
import { type Document, parseAllDocuments } from 'yaml';
import { buildTree } from './build-tree.ts';
import { explainSyntax } from './explain-syntax.ts';
import { openReport, type Report } from './report.ts';
import { lineOf, readSource } from './source.ts';
import { offsetAt, type Path, type TreeNode } from './tree.ts';

/** A file of YAML (and so of JSON), taken apart. */
export interface YamlFile {
  /** Undefined when the file holds nothing but comments. */
  readonly root: TreeNode | undefined;
  readonly report: Report;
  /** Offset of what is at a path, for the report; the beginning of the file when it is empty. */
  readonly place: (path: Path, of?: 'key' | 'value') => number;
}

/**
 * Takes a file apart. A key that stands twice is only reported, so that the rest is checked too.
 * @throws LandlineError FILE_INVALID when it is not UTF-8, or not YAML of one document.
 */
export function readYaml(input: string | Uint8Array, file: string): YamlFile {
  const { source, problem } = readSource(input, file);
  const report = openReport(source);
  if (problem !== undefined) report.problem(problem.at, problem.message, problem.next);
  report.refuseIfWrong();
  const documents = parseAllDocuments(source.text, {
    schema: 'core',
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
  });
  // An empty stream is a list too, of no document.
  const [first, second] = Array.isArray(documents) ? (documents as readonly Document[]) : [];
  if (first !== undefined) reportSyntax(first, report);
  if (second !== undefined) reportSecond(second, report);
  report.refuseIfWrong();
  const root = first?.contents == null ? undefined : buildTree(first.contents, report);
  return { root, report, place: (path, of) => (root === undefined ? 0 : offsetAt(root, path, of)) };
}

function reportSecond(second: Document, report: Report): void {
  const at = second.range?.[0] ?? 0;
  report.problem(at, 'a second document begins here', "write one document: remove the '---' or '...' line and what follows it");
}

/**
 * One mistake often upsets the parser several times: of each line only the first is told, and nothing of what follows
 * once it has lost its way.
 */
function reportSyntax(document: Document, report: Report): void {
  const errors = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const exhausted = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  const lost = errors.findIndex((error) => / in YAML stream| at node end/.test(error.message));
  const lines = new Set<number>();
  for (const error of exhausted === undefined ? errors.slice(0, lost < 0 ? 20 : lost + 1) : [exhausted]) {
    const { at, message, next } = explainSyntax(error, document);
    const line = lineOf(report.source, at);
    if (!lines.has(line)) report.problem(at, message, next);
    lines.add(line);
  }
}
