/** Every record type that has a meaning here: a new one is a file beside this one and a line below. */
import { a } from './a.ts';
import { aaaa } from './aaaa.ts';
import type { RecordCodec } from './codec.ts';
import { cname, ns, ptr } from './name.ts';
import { opt } from './opt.ts';
import { soa } from './soa.ts';
import { srv } from './srv.ts';
import { tsig } from './tsig.ts';
import { txt } from './txt.ts';

const codecs = { A: a, NS: ns, CNAME: cname, SOA: soa, PTR: ptr, TXT: txt, AAAA: aaaa, SRV: srv, OPT: opt, TSIG: tsig } as const;

/** A type by its name, as `dig` shows it. */
export type TypeName = keyof typeof codecs;

type ValueOf<K extends TypeName> = (typeof codecs)[K] extends RecordCodec<infer T> ? T : never;

/** RDATA of one type. */
export type DataOf<K extends TypeName> = { readonly kind: K } & ValueOf<K>;

/**
 * What a record says: by type; `other` as it came, of a type that is not known here; `empty` where an update names a type
 * and no value (RFC 2136 sections 2.4 and 2.5).
 */
export type RecordData =
  | { readonly [K in TypeName]: DataOf<K> }[TypeName]
  | { readonly kind: 'other'; readonly type: number; readonly bytes: Uint8Array }
  | { readonly kind: 'empty'; readonly type: number };

/** Numbers of the types, by name. */
export const typeNumber = Object.fromEntries(Object.entries(codecs).map(([name, { type }]) => [name, type])) as Readonly<
  // A cast: the keys are those of the table.
  Record<TypeName, number>
>;

const names = new Map(Object.entries(codecs).map(([name, { type }]) => [type, name as TypeName]));

/** `A` for 1; `TYPE65` for a type that has no name here (RFC 3597 section 5). */
export function typeName(type: number): string {
  return names.get(type) ?? `TYPE${type}`;
}

/** The codec of a type, and its name; a cast forgets which type it is, which the table knows. */
export function codecOf(type: number): { readonly name: TypeName; readonly codec: RecordCodec<object> } | undefined {
  const name = names.get(type);
  return name === undefined ? undefined : { name, codec: codecs[name] as RecordCodec<object> };
}

/** The number of the type of some data. */
export function typeOf(data: RecordData): number {
  return data.kind === 'other' || data.kind === 'empty' ? data.type : typeNumber[data.kind];
}
