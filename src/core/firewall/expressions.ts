/** The expressions and statements of libnftables-json(5) that the firewall uses, each named as `nft` writes it. */
import { formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import { type Prefix, subnetOf } from '../../net/prefix.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Families of tables that matter here. */
export type Family = 'ip' | 'ip6' | 'inet' | 'bridge';

/** One command of a transaction: `{ "add": { "rule": { … } } }`. */
export type Command = { readonly [verb in 'add' | 'insert' | 'delete' | 'flush']?: { readonly [kind: string]: Json } };

/** `meta iifgroup`, `meta mark`, … */
export const meta = (key: string): Json => ({ meta: { key } });
/** `ct state`, `ct status` */
export const ct = (key: string): Json => ({ ct: { key } });
/** `ip saddr`, `th dport` */
export const payload = (protocol: string, field: string): Json => ({ payload: { protocol, field } });
/** `fib daddr type` */
export const fib = (result: string, ...flags: readonly string[]): Json => ({ fib: { result, flags } });
/** `tcp . 8080` */
export const concat = (...parts: readonly Json[]): Json => ({ concat: parts });
/** `KEY map @NAME` */
export const lookup = (key: Json, name: string): Json => ({ map: { key, data: `@${name}` } });
/** `10.88.0.0/16` */
export const prefixValue = (prefix: Prefix): Json => ({
  prefix: { addr: formatIpv4(subnetOf(prefix).address), len: prefix.length },
});
export const addressValue = (address: Ipv4): Json => formatIpv4(address);

const match = (op: string, left: Json, right: Json): Json => ({ match: { op, left, right } });
export const is = (left: Json, right: Json): Json => match('==', left, right);
export const isNot = (left: Json, right: Json): Json => match('!=', left, right);
/** One of the flags of a set of bits: `ct state established,related` */
export const has = (left: Json, right: Json): Json => match('in', left, right);

export const accept: Json = { accept: null };
export const drop: Json = { drop: null };
export const masquerade: Json = { masquerade: null };
export const counter: Json = { counter: null };
export const rejectUnreachable: Json = { reject: { type: 'icmp', expr: 'host-unreachable' } };
export const jump = (target: string): Json => ({ jump: { target } });
