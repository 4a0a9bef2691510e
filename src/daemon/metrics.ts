/** What Prometheus asks for (its text format, version 0.0.4). */
import type { World } from './world.ts';

type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly (readonly [Labels, number])[];
}

export function metricsText(world: World): string {
  return [...ledgerMetrics(world), ...leaseMetrics(world), ...nameMetrics(world)].map(format).join('');
}

function ledgerMetrics({ store }: World): readonly Metric[] {
  const held = Map.groupBy(store.leases(), (it) => `${it.network}\0${it.source}`);
  const samples = [...held].map(([key, leases]): [Labels, number] => {
    const [network = '', source = ''] = key.split('\0');
    return [{ network, source }, leases.length];
  });
  return [
    gauge('landline_environments', 'Environments in the ledger.', [[{}, store.environments().length]]),
    gauge('landline_addresses', 'Addresses that are held, by network and source.', samples),
  ];
}

function leaseMetrics({ leases }: World): readonly Metric[] {
  const { counts } = leases;
  const states = Map.groupBy(leases.standings(), (it) => it.state);
  const by = (label: string, counter: ReadonlyMap<string, number>): [Labels, number][] =>
    [...counter].map(([value, count]) => [{ [label]: value }, count]);
  return [
    gauge(
      'landline_dhcp_leases',
      'Endpoints that lease their address, by state of the lease.',
      [...states].map(([state, those]) => [{ state }, those.length]),
    ),
    counter('landline_dhcp_sent_total', 'DHCP messages sent, by type.', by('type', counts.sent)),
    counter('landline_dhcp_heard_total', 'DHCP replies heard, by type.', by('type', counts.heard)),
    counter('landline_dhcp_ignored_total', 'DHCP replies that changed nothing, by reason.', by('reason', counts.ignored)),
    counter('landline_dhcp_bound_total', 'Addresses that DHCP servers gave.', [[{}, counts.bound]]),
    counter('landline_dhcp_renewed_total', 'Leases that DHCP servers renewed.', [[{}, counts.renewed]]),
    counter('landline_dhcp_lost_total', 'Leases that ended, by reason.', by('reason', counts.lost)),
  ];
}

function nameMetrics({ names }: World): readonly Metric[] {
  const { served, ...changes } = names.counters;
  const by = (label: string, counts: Readonly<Record<string, number>>): [Labels, number][] =>
    Object.entries(counts).map(([value, count]) => [{ [label]: value }, count]);
  const states = Map.groupBy(names.list(), (it) => it.state);
  return [
    gauge(
      'landline_dns_names',
      'Names in DNS, by how they stand.',
      [...states].map(([state, those]) => [{ state }, those.length]),
    ),
    counter('landline_dns_updates_total', "What became of names in the company's DNS, by outcome.", by('outcome', changes)),
    counter('landline_dns_served_total', 'Questions to the DNS server of this host, by how they came.', by('over', served)),
  ];
}

const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({ name, type: 'gauge', help, samples });
const counter = (name: string, help: string, samples: Metric['samples']): Metric => ({ name, type: 'counter', help, samples });

function format({ name, type, help, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => `${name}${formatLabels(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** Names of environments and networks need no escape; a backslash or a quote elsewhere would. */
function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replaceAll(/[\\"]/g, '\\$&')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
