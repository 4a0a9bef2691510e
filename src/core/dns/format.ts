/** Records as people read them: the notation of master files (RFC 1035 section 5), names without a final dot. */
import { formatIpv4 } from '../../net/ipv4.ts';
import { type RecordData, typeName, typeOf } from '../../wire/dns/records/index.ts';

/** `A 192.168.11.101` */
export function formatData(data: RecordData): string {
  return `${typeName(typeOf(data))} ${valueText(data)}`.trimEnd();
}

function valueText(data: RecordData): string {
  switch (data.kind) {
    case 'A':
      return formatIpv4(data.address);
    case 'AAAA':
      return data.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return data.target;
    case 'TXT':
      return data.texts.map((text) => `"${text}"`).join(' ');
    case 'SOA':
      return `${data.primary} ${data.contact} ${data.serial}`;
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    default:
      return '';
  }
}
