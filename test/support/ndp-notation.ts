/** NDP as JSON in the field's notation, both ways: what stands beside a capture. */
import type { Ndp } from '../../src/wire/ndp/ndp.ts';

type NdpJson = Omit<Ndp, 'options'> & { readonly options: readonly { readonly type: number; readonly bytes: string }[] };

export function ndpToJson(it: Ndp): NdpJson {
  return { ...it, options: it.options.map(({ type, bytes }) => ({ type, bytes: Buffer.from(bytes).toString('hex') })) };
}

export function ndpFromJson(json: unknown): Ndp {
  // Our own notation, as the function above wrote it and people have read it.
  const it = json as NdpJson;
  return { ...it, options: it.options.map(({ type, bytes }) => ({ type, bytes: new Uint8Array(Buffer.from(bytes, 'hex')) })) };
}
