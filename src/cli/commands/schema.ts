/** `landline schema` */
import type { AddCommand } from '../context.ts';

export const addSchema: AddCommand = (root) => {
  const schema = root.command('schema').description('print a JSON schema, for editors');
  schema
    .command('config')
    .description('print the JSON schema of landline.yaml')
    .action(async () => print((await import('../../files/json-schema.ts')).configurationJsonSchema()));
  schema
    .command('environment')
    .description('print the JSON schema of environment files')
    .action(async () => print((await import('../../files/json-schema.ts')).environmentJsonSchema()));
};

/** Indented also into a file: it is for people to read, too. */
function print(schema: unknown): void {
  process.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
}
