/** Updates (RFC 2136): prerequisites that must hold, and changes that are then made, all or none, in one zone. */
import { ANY, anyType, IN, type Message, NONE, opcodes, type ResourceRecord } from './message.ts';
import { type RecordData, type TypeName, typeNumber } from './records/index.ts';

/** An update of one zone, before it has an id. */
export interface Update {
  readonly zone: string;
  readonly prerequisites: readonly ResourceRecord[];
  readonly changes: readonly ResourceRecord[];
}

export function updateMessage(id: number, { zone, prerequisites, changes }: Update): Message {
  return {
    id,
    response: false,
    opcode: opcodes.UPDATE,
    authoritative: false,
    truncated: false,
    recursionDesired: false,
    recursionAvailable: false,
    reserved: 0,
    rcode: 0,
    questions: [{ name: zone, type: typeNumber.SOA, class: IN }],
    answers: prerequisites,
    authorities: changes,
    additionals: [],
  };
}

/** Prerequisite: the name has a record, of whatever type (section 2.4.4). */
export const nameInUse = (name: string): ResourceRecord => ({ name, class: ANY, ttl: 0, data: { kind: 'empty', type: anyType } });

/** Prerequisite: the name has no record of any type (section 2.4.5). */
export const nameNotInUse = (name: string): ResourceRecord => ({
  name,
  class: NONE,
  ttl: 0,
  data: { kind: 'empty', type: anyType },
});

/** Prerequisite: the name has no record of this type (section 2.4.3). */
export const noneOf = (name: string, type: TypeName): ResourceRecord => ({
  name,
  class: NONE,
  ttl: 0,
  data: { kind: 'empty', type: typeNumber[type] },
});

/** Prerequisite, one for each of them: these are all that the name has of this type (section 2.4.2). */
export const exactly = (name: string, data: RecordData): ResourceRecord => ({ name, class: IN, ttl: 0, data });

/** Change: adds it, or sets its TTL (section 2.5.1). */
export const add = (name: string, ttl: number, data: RecordData): ResourceRecord => ({ name, class: IN, ttl, data });

/** Change: removes just this one, if it is there (section 2.5.4). */
export const remove = (name: string, data: RecordData): ResourceRecord => ({ name, class: NONE, ttl: 0, data });
