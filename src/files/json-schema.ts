/** JSON schemas of both files, for editors: made of the same checks that read them, so that they say the same. */
import { z } from 'zod';
import { type ComposeLevel, composeKeys } from './compose-keys.ts';
import { configurationSchema } from './configuration.ts';
import { containerSchema } from './container-schema.ts';
import { endpointSchema, serviceSchema } from './environment-schema.ts';

/** A JSON Schema (draft 2020-12), as far as it is put together here. */
interface JsonSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [keyword: string]: unknown;
}

/** What people write, before anything is made of it. */
const schemaOf = (schema: z.ZodType): JsonSchema => {
  // A cast, since zod's type has every keyword there is.
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
};

/** Every key of Compose's that is taken, with what is made of it; those that have no effect, too. */
function takenKeys(level: ComposeLevel): Readonly<Record<string, unknown>> {
  const keys = Object.entries(composeKeys[level]).flatMap(([key, it]) => {
    if (it.kind === 'refused') return [];
    return [[key, { description: it.kind === 'noted' ? `no effect: ${it.why}` : it.how }] as const];
  });
  return Object.fromEntries(keys);
}

/** Read elsewhere than in the schema of a service: see extends.ts. */
const extendsSchema = {
  description: 'a service of this file, or of another',
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: { service: { type: 'string' }, file: { type: 'string' } },
      required: ['service'],
      additionalProperties: false,
    },
  ],
};

const ownKeys = { patternProperties: { '^x-': {} }, additionalProperties: false };

/** Of environment files. */
export function environmentJsonSchema(): JsonSchema {
  const { $schema, ...service } = schemaOf(serviceSchema);
  const { $schema: _same, ...endpoint } = schemaOf(endpointSchema);
  const { properties: ofContainers } = schemaOf(containerSchema);
  const nothing = { type: ['object', 'null'] };
  return {
    $schema,
    title: 'an environment file of Landline',
    type: 'object',
    properties: {
      ...takenKeys('top'),
      name: { type: 'string', description: 'name of the environment', examples: ['shop'] },
      'x-landline': endpoint,
      services: {
        type: 'object',
        additionalProperties: {
          ...service,
          properties: { ...takenKeys('service'), ...ofContainers, ...service.properties, extends: extendsSchema },
          ...ownKeys,
        },
      },
      volumes: { type: ['object', 'null'], additionalProperties: nothing },
    },
    required: ['services'],
    ...ownKeys,
  };
}

/** Of landline.yaml. */
export function configurationJsonSchema(): JsonSchema {
  return { ...schemaOf(configurationSchema), title: 'landline.yaml', ...ownKeys };
}
