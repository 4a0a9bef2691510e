import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { type EnvironmentOptions, parseEnvironment } from './environment.ts';
import { formatEnvironment } from './format.ts';

const options: EnvironmentOptions = { file: 'shop.yaml', directory: '/srv/shop', variables: { EMPTY: '' } };

interface Malformed {
  readonly title: string;
  /** A first line break is left out. */
  readonly text: string;
  /** `FILE:LINE:COLUMN: what is wrong → what to write instead`. */
  readonly says: readonly string[];
}

const problemsOf = (text: string): readonly string[] => {
  try {
    parseEnvironment(text, options);
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    const { file, problems } = error.details;
    return problems.map((it) => `${file}:${it.line}:${it.column}: ${it.message} → ${it.next}`);
  }
  return [];
};

const malformed: readonly Malformed[] = [
  {
    title: 'an empty file',
    text: '# nothing\n',
    says: ["shop.yaml:1:1: the file is empty → write 'name: shop', 'x-landline: { network: office }' and 'services: …'"],
  },
  {
    title: 'a list at the top',
    text: '- web\n',
    says: [
      "shop.yaml:1:1: an environment file is a mapping, with keys and values → write 'name: shop', 'x-landline: { network: office }' and 'services: …'",
    ],
  },
  {
    title: 'no name, no network, no services',
    text: 'version: "3"\n',
    says: [
      "shop.yaml:1:1: the file does not name the environment → add 'name: shop', or give --name",
      "shop.yaml:1:1: the file does not say which network the environment joins → add 'x-landline: { network: office }', or give --network",
      "shop.yaml:1:1: the file has no services → write 'services: { web: { command: python3 -m http.server 80 } }'",
    ],
  },
  {
    title: 'a name with a space',
    text: `
name: My Shop
x-landline: { network: office }
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:1:7: 'My Shop' cannot be the name of an environment or service → write 'my-shop' (lower-case letters, digits and '-', at most 63, not beginning with '-')",
    ],
  },
  {
    title: 'a name that is a number',
    text: `
name: 2024
x-landline: { network: office }
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:1:7: 'name' is the number 2024 and should be text → put it in quotes: '2024'"],
  },
  {
    title: 'a name that cannot be a hostname',
    text: `
name: shop-
x-landline: { network: office }
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:1:7: 'shop-' cannot be a hostname, and no other is given → add 'hostname' to x-landline, or choose a name that does not end with '-'",
    ],
  },
  {
    title: 'x-landline without network',
    text: `
name: shop
x-landline: { address: 192.168.11.101 }
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:2:1: x-landline names no network → add 'network: office', or give --network"],
  },
  {
    title: 'x-landline mistyped',
    text: `
name: shop
x-landlin: { network: office }
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:2:1: 'x-landlin' is ignored, and there is no x-landline → did you mean x-landline?"],
  },
  {
    title: 'x-landline that is a word',
    text: `
name: shop
x-landline: office
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:2:13: 'x-landline' is text and should be a mapping → write 'x-landline: { network: office }'"],
  },
  {
    title: "an address on the host's own network",
    text: `
name: shop
x-landline:
  network: host
  address: 192.168.11.101
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:3: 'address' means nothing on network 'host' → remove it, or name another network"],
  },
  {
    title: 'the network of an environment that cannot be one',
    text: `
name: shop
x-landline:
  network: "container:My Build"
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:3:12: 'My Build' cannot be the name of an environment or service → write 'my-build' (lower-case letters, digits and '-', at most 63, not beginning with '-')",
    ],
  },
  {
    title: 'a network with a slash',
    text: `
name: shop
x-landline:
  network: a/b
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:3:12: 'a/b' cannot be the name of a network → write letters, digits, '-', '_' and '.', at most 63, beginning with a letter or digit",
    ],
  },
  {
    title: 'an address that is a word',
    text: `
name: shop
x-landline:
  network: office
  address: fixed
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:12: 'fixed' is no IPv4 address → write an address, or 'pool', or 'dhcp'"],
  },
  {
    title: 'an address with its prefix',
    text: `
name: shop
x-landline:
  network: office
  address: 192.168.11.101/23
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:12: '192.168.11.101/23' is no IPv4 address → leave out the prefix length: 192.168.11.101"],
  },
  {
    title: 'an address that is a number',
    text: `
name: shop
x-landline:
  network: office
  address: 192.168
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:12: 'address' is the number 192.168 and should be text → write 'address: 192.168.11.101'"],
  },
  {
    title: 'a hostname with a domain',
    text: `
name: shop
x-landline:
  network: office
  hostname: shop.test.office.example
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:13: 'shop.test.office.example' cannot be a hostname → write 'shop': the domain is the network's"],
  },
  {
    title: 'a hostname with an underscore',
    text: `
name: shop
x-landline:
  network: office
  hostname: my_shop
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:13: 'my_shop' cannot be a hostname → write letters, digits and '-', at most 63, no '-' at either end"],
  },
  {
    title: 'a multicast MAC',
    text: `
name: shop
x-landline:
  network: office
  mac: 01:00:5e:00:00:01
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:4:8: '01:00:5e:00:00:01' is a multicast MAC → make its first pair even, as in 02:4c:4c:00:00:01, or remove it: then it is derived",
    ],
  },
  {
    title: 'a MAC of zeros',
    text: `
name: shop
x-landline:
  network: office
  mac: 00:00:00:00:00:00
services: { web: { command: sleep 60 } }
`,
    says: ['shop.yaml:4:8: no link can have the MAC 00:00:00:00:00:00 → choose another, or remove it: then it is derived'],
  },
  {
    title: 'a MAC that is too short',
    text: `
name: shop
x-landline:
  network: office
  mac: 02:4c:4c
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:8: '02:4c:4c' is no MAC address → write six pairs of hex digits, as in 02:4c:4c:00:00:01"],
  },
  {
    title: 'a link name of sixteen characters',
    text: `
name: shop
x-landline:
  network: office
  interface: abcdefghijklmnop
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:4:14: 'abcdefghijklmnop' cannot be the name of a link → choose one of at most 15 bytes, without space, '/' or ':', and not '.', '..' or 'lo'",
    ],
  },
  {
    title: 'a gateway that is a word',
    text: `
name: shop
x-landline:
  network: office
  gateway: router
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:4:12: 'router' is no IPv4 address → write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101",
    ],
  },
  {
    title: 'routes without via, with host bits, to everything',
    text: `
name: shop
x-landline:
  network: office
  routes:
    - { to: 10.50.0.0/24 }
    - { to: 10.50.0.1/24, via: 192.168.11.1 }
    - { to: 0.0.0.0/0, via: 192.168.11.1 }
    - { to: 10.50.0.0/24, vai: 192.168.11.1, via: gw }
services: { web: { command: sleep 60 } }
`,
    says: [
      "shop.yaml:5:7: this item has no 'via' → add 'via: 192.168.11.1'",
      "shop.yaml:6:13: '10.50.0.1/24' has host bits → write 10.50.0.0/24",
      "shop.yaml:7:13: a route to everything is the gateway → write 'gateway: ADDRESS' instead of this route",
      "shop.yaml:8:27: 'vai' is no key of a route → did you mean 'via'?",
      "shop.yaml:8:51: 'gw' is no IPv4 address → write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101",
    ],
  },
  {
    title: 'an unknown key of x-landline',
    text: `
name: shop
x-landline:
  network: office
  adress: 192.168.11.101
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:3: 'adress' is no key of x-landline → did you mean 'address'?"],
  },
  {
    title: 'an address on the network none',
    text: `
name: shop
x-landline:
  network: none
  address: 192.168.11.101
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:4:3: 'address' means nothing on network 'none' → remove it, or name another network"],
  },
  {
    title: 'a mistyped network',
    text: `
name: shop
x-landline: { netwrk: office }
services: { web: { command: sleep 60 } }
`,
    says: ["shop.yaml:2:15: 'netwrk' is no key of x-landline → did you mean 'network'?"],
  },
  {
    title: 'a service whose only command is in a key that is ignored',
    text: `
name: shop
x-landline: { network: office }
services: { web: { x-command: sleep 60 } }
`,
    says: ["shop.yaml:3:13: service 'web' has no command → add 'command: python3 -m http.server 80'"],
  },
  {
    title: 'texts that are empty',
    text: `
name: ""
x-landline: { network: "", address: "" }
services: { web: { command: "", working_dir: "" } }
`,
    says: [
      "shop.yaml:1:7: this text is empty → write 'name: shop'",
      "shop.yaml:2:24: this text is empty → write 'network: office'",
      "shop.yaml:2:37: this text is empty → write 'address: 192.168.11.101'",
      "shop.yaml:3:29: this text is empty → write 'command: python3 -m http.server 80'",
      "shop.yaml:3:46: this text is empty → write 'working_dir: /srv/shop'",
    ],
  },
  {
    title: 'no services',
    text: `
name: shop
x-landline: { network: office }
services: {}
`,
    says: ["shop.yaml:3:1: 'services' is empty → write 'services: { web: { command: python3 -m http.server 80 } }'"],
  },
  {
    title: 'services as a list',
    text: `
name: shop
x-landline: { network: office }
services: [web]
`,
    says: [
      "shop.yaml:3:1: 'services' should be a mapping, a key for each service → write 'services: { web: { command: python3 -m http.server 80 } }'",
    ],
  },
  {
    title: 'a service that is empty',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
`,
    says: ["shop.yaml:4:3: 'web' is empty → write 'web: { command: python3 -m http.server 80 }'"],
  },
  {
    title: 'a service without a command',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    restart: always
`,
    says: ["shop.yaml:4:3: service 'web' has no command → add 'command: python3 -m http.server 80'"],
  },
  {
    title: 'a service named in capitals',
    text: `
name: shop
x-landline: { network: office }
services:
  Web_1: { command: sleep 60 }
`,
    says: [
      "shop.yaml:4:3: 'Web_1' cannot be the name of an environment or service → write 'web-1' (lower-case letters, digits and '-', at most 63, not beginning with '-')",
    ],
  },
  {
    title: 'an image that cannot be one',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    image: Shop/Web:42
`,
    says: ["shop.yaml:5:12: 'Shop/Web:42' cannot be the name of an image → write 'shop/web:42'"],
  },
  {
    title: 'containers beside commands',
    text: `
name: shop
x-landline: { network: office }
services:
  web: { image: shop/web:42 }
  db: { command: sleep 60 }
`,
    says: [
      "shop.yaml:5:3: service 'db' has no image, and service 'web' has one: an environment runs containers or commands, not both → give 'db' an image, or write it into a file of its own",
    ],
  },
  {
    title: 'a build',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    build: .
`,
    says: [
      "shop.yaml:5:5: Landline builds no images → build the image and name it with 'image', or give 'command' without 'build'",
    ],
  },
  {
    title: 'keys that Compose knows',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    volumes_from: [db]
    cap_add: [NET_ADMIN]
    privileged: true
`,
    says: [
      "shop.yaml:6:5: Compose's 'volumes_from' is not part of this version → remove it: commands run with the host's files",
      "shop.yaml:7:5: 'cap_add' is for containers, and this service has no 'image' → remove it, or give the service an 'image'",
      "shop.yaml:8:5: 'privileged' is for containers, and this service has no 'image' → remove it, or give the service an 'image'",
    ],
  },
  {
    title: 'keys of Compose at the top',
    text: `
name: shop
x-landline: { network: office }
services: { web: { command: sleep 60 } }
volumes: { data: {} }
models: {}
include: [other.yaml]
`,
    says: [
      "shop.yaml:5:1: Compose's 'models' is not part of this version → remove it",
      "shop.yaml:6:1: Compose's 'include' is not part of this version → write the services of the other file here",
    ],
  },
  {
    title: 'a mistyped key',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    comand: sleep 60
`,
    says: ["shop.yaml:5:5: Compose knows no key 'comand' in a service → did you mean 'command'?"],
  },
  {
    title: 'a key of a service at the top',
    text: `
name: shop
x-landline: { network: office }
services: { web: { command: sleep 60 } }
command: sleep 60
`,
    says: ["shop.yaml:4:1: Compose knows no key 'command' at the top of a file → write it inside of a service"],
  },
  {
    title: 'x-landline inside of a service',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    x-landline: { network: office }
`,
    says: ['shop.yaml:6:5: x-landline is of the whole environment, not of one service → move it to the top of the file'],
  },
  {
    title: 'a command that is a number',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: 42
`,
    says: ["shop.yaml:5:14: 'command' is the number 42 and should be text or a list → put it in quotes: '42'"],
  },
  {
    title: 'a command with a number in its list',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: [sleep, 60]
`,
    says: ["shop.yaml:5:22: this item is the number 60 and should be text → put it in quotes: '60'"],
  },
  {
    title: 'an empty command',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: []
`,
    says: ["shop.yaml:4:3: service 'web' has no command → add 'command: python3 -m http.server 80'"],
  },
  {
    title: 'a command with a shell operator',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: cd /srv; ./start
`,
    says: [
      "shop.yaml:5:14: no shell reads this command, so ';' means nothing in it → put it in quotes, or run a shell: ['sh', '-c', 'cd /srv; ./start']",
    ],
  },
  {
    title: 'a command with an open quote',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sh -c "sleep 60
`,
    says: ['shop.yaml:5:14: a text in the command begins with " and has no end → close it with "'],
  },
  {
    title: 'a command with a quote that YAML closes and the shell does not',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: 'sh -c "sleep 60'
`,
    says: ['shop.yaml:5:14: a text in the command begins with " and has no end → close it with "'],
  },
  {
    title: 'a command with the character zero',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: ["echo", "a\\0b"]
`,
    says: ['shop.yaml:5:14: no command can hold the character U+0000 → remove it'],
  },
  {
    title: 'variables of the wrong kind',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    environment: { A: [1], B: { c: d } }
`,
    says: [
      "shop.yaml:6:23: 'A' is a list and should be text, a number or true or false → write 'A: value'",
      "shop.yaml:6:31: 'B' is a mapping and should be text, a number or true or false → write 'B: value'",
    ],
  },
  {
    title: 'a variable without name',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    environment: ["=x"]
`,
    says: ["shop.yaml:6:19: this names no variable → write 'NAME: value' or 'NAME=value'"],
  },
  {
    title: 'variables as one text',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    environment: A=1
`,
    says: ["shop.yaml:6:18: 'environment' is text and should be a mapping or a list → write 'environment: { KEY: value }'"],
  },
  {
    title: 'a working directory at home',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    working_dir: ~/shop
`,
    says: ["shop.yaml:6:18: no shell reads '~/shop', so '~' is nobody's home → write the whole path, beginning with '/'"],
  },
  {
    title: 'a service that waits for nobody there',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: sleep 60
    depends_on: [wbe, db]
`,
    says: [
      "shop.yaml:6:18: there is no service 'wbe' → did you mean 'web'?",
      "shop.yaml:6:23: there is no service 'db' → write one of web, or remove it",
    ],
  },
  {
    title: 'a service named twice',
    text: `
name: shop
x-landline: { network: office }
services:
  web: { command: sleep 60, depends_on: [db, db] }
  db: { command: sleep 60 }
`,
    says: ["shop.yaml:4:46: 'db' stands here twice → remove one of them"],
  },
  {
    title: 'the namespace of a service that is not there, and of one that shares its own',
    text: `
name: shop
x-landline: { network: office }
services:
  web: { image: nginx, pid: "service:wbe" }
  a: { image: nginx, ipc: "service:b" }
  b: { image: nginx, depends_on: [a] }
`,
    says: [
      "shop.yaml:4:29: there is no service 'wbe' → did you mean 'web'?",
      "shop.yaml:6:35: service 'a' waits for itself: a → b → a → remove one of these from 'depends_on'",
    ],
  },
  {
    title: 'two circles',
    text: `
name: shop
x-landline: { network: office }
services:
  a: { command: x, depends_on: [b] }
  b: { command: x, depends_on: [a] }
  c: { command: x, depends_on: { c: { condition: service_started } } }
`,
    says: [
      "shop.yaml:5:33: service 'a' waits for itself: a → b → a → remove one of these from 'depends_on'",
      "shop.yaml:6:34: service 'c' waits for itself: c → c → remove one of these from 'depends_on'",
    ],
  },
  {
    title: 'conditions that are none, and healthy services without healthcheck',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    depends_on:
      db: { condition: service_healthy }
      job: { condition: service_completed_successfully, required: maybe }
      x: { condition: ready }
      y: {}
      z:
  db: { command: x }
  job: { command: x }
  x: { command: x }
  y: { command: x }
  z: { command: x }
`,
    says: [
      "shop.yaml:8:67: 'required' is text and should be true or false → write 'required: …'",
      "shop.yaml:9:23: 'ready' is no condition → write one of service_started, service_healthy, service_completed_successfully, or remove it",
      "shop.yaml:10:7: 'y' has no 'condition' → add 'condition: service_started'",
      "shop.yaml:11:7: 'z' is empty → write 'z: { condition: service_started }'",
    ],
  },
  {
    title: 'a service that waits for the health of one without healthcheck',
    text: `
name: shop
x-landline: { network: office }
services:
  web: { command: x, depends_on: { db: { condition: service_healthy } } }
  db: { command: x }
`,
    says: [
      "shop.yaml:4:36: service 'db' has no healthcheck, and never becomes healthy → give it a 'healthcheck', or write service_started",
    ],
  },
  {
    title: 'a restart policy mistyped',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    restart: allways
`,
    says: ["shop.yaml:6:14: 'allways' is no restart policy → did you mean 'always'?"],
  },
  {
    title: 'a restart policy that is false',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    restart: false
`,
    says: ["shop.yaml:6:14: 'restart' is false and should be text → write 'restart: unless-stopped'"],
  },
  {
    title: 'a signal mistyped',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_signal: SIGTREM
`,
    says: ["shop.yaml:6:18: 'SIGTREM' is no signal → did you mean 'SIGTERM'?"],
  },
  {
    title: 'a signal by a number that there is not',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_signal: 99
`,
    says: ["shop.yaml:6:18: '99' is no signal → write its name, as in SIGTERM"],
  },
  {
    title: 'a real-time signal',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_signal: SIGRTMIN+3
`,
    says: [
      "shop.yaml:6:18: real-time signals such as 'SIGRTMIN+3' are not part of this version → write SIGTERM or another signal below 32",
    ],
  },
  {
    title: 'a grace period without unit',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_grace_period: "10"
`,
    says: ["shop.yaml:6:24: '10' has no unit → write '10s' for seconds"],
  },
  {
    title: 'a grace period that is a number',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_grace_period: 10
`,
    says: ["shop.yaml:6:24: 'stop_grace_period' is the number 10 and should be text → write 'stop_grace_period: 1m30s'"],
  },
  {
    title: 'a grace period that is none',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_grace_period: soon
`,
    says: ["shop.yaml:6:24: 'soon' is no duration → write it as in '1m30s' or '500ms'"],
  },
  {
    title: 'a grace period of a week',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    stop_grace_period: 168h
`,
    says: ["shop.yaml:6:24: '168h' is longer than a day → write 24h or less"],
  },
  {
    title: 'a lone dollar',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: echo $
`,
    says: ["shop.yaml:5:19: '$' begins no variable here → write '$$' for a dollar sign, or '${NAME}'"],
  },
  {
    title: 'a dollar before a digit',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: ["echo", "costs $5"]
`,
    says: ["shop.yaml:5:30: '$' begins no variable here → write '$$' for a dollar sign, or '${NAME}'"],
  },
  {
    title: 'braces that are not closed',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: echo \${NAME
`,
    says: [
      "shop.yaml:5:19: '${NAME' is not closed → write '${NAME}', '${NAME:-default}', '${NAME:?error}' or '${NAME:+instead}'",
    ],
  },
  {
    title: 'an empty name in braces',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: echo "\${}"
`,
    says: ["shop.yaml:5:20: '$' begins no variable here → write '$$' for a dollar sign, or '${NAME}'"],
  },
  {
    title: 'a variable that has to be set',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    environment:
      DB: \${DB:?say where the database is}
`,
    says: ['shop.yaml:7:11: variable DB is not set: say where the database is → set DB in the shell or in .env'],
  },
  {
    title: 'a variable that must not be empty',
    text: `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    environment: { E: "\${EMPTY:?}" }
`,
    says: ['shop.yaml:6:24: variable EMPTY is empty → set EMPTY in the shell or in .env'],
  },
  {
    title: 'JSON with a mistake',
    text: `
{
  "name": "shop",
  "x-landline": { "network": "office" },
  "services": { "web": { "command": 5 } }
}
`,
    says: ["shop.yaml:4:37: 'command' is the number 5 and should be text or a list → put it in quotes: '5'"],
  },
];

for (const { title, text, says } of malformed) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(problemsOf(text.replace(/^\n/, '')), says);
  });
}

/** Notes as the command line prints them. */
const notesOf = (text: string, more: Partial<EnvironmentOptions> = {}): readonly string[] =>
  parseEnvironment(text.replace(/^\n/, ''), { ...options, ...more }).notes.map((it) => `${it.line}:${it.column}: ${it.message}`);

const specOf = (text: string, more: Partial<EnvironmentOptions> = {}) =>
  parseEnvironment(text.replace(/^\n/, ''), { ...options, ...more }).spec;

test('the smallest file: a name, a network, a command', () => {
  const text = `
name: shop
x-landline: { network: office }
services: { web: { command: python3 -m http.server 80 } }
`;
  assert.deepEqual(specOf(text), {
    name: 'shop',
    hostname: 'shop',
    directory: '/srv/shop',
    endpoints: [{ network: 'office', interface: 'eth0', address: 'default', routes: [] }],
    services: [
      {
        name: 'web',
        command: ['python3', '-m', 'http.server', '80'],
        environment: {},
        dependsOn: [],
        restart: 'no',
        stopSignal: 'SIGTERM',
        stopGraceMs: 10_000,
      },
    ],
  });
});

test('everything that is honoured, in the order in which it is started', () => {
  const text = `
name: shop
x-common: &common
  restart: unless-stopped
  environment: &variables { REGION: office, DEBUG: "1" }
x-landline:
  network: office
  address: 192.168.11.101
  hostname: Shop-1
  mac: 02-4C-4C-00-00-01
  interface: lan0
  gateway: none
  routes: [{ to: 10.50.0.0/24, via: 192.168.11.1 }, { to: 10.60.0.7, via: 192.168.11.1 }]
services:
  web:
    <<: *common
    entrypoint: [sh, -c]
    command: ["exec ./web --port 80"]
    environment: { <<: *variables, DEBUG: false, WORKERS: 4 }
    working_dir: web/../static
    depends_on: { api: { condition: service_started }, db: { condition: service_completed_successfully, required: false, restart: false } }
    stop_signal: INT
    stop_grace_period: 1m30s
  api:
    <<: *common
    command: ./api --name "the api"
    depends_on: [db]
    working_dir: /opt/api
    restart: on-failure
    stop_signal: 9
    stop_grace_period: 500ms
  db:
    command: ["postgres", "-D", "/data"]
    restart: always
    environment: [PGDATA=/data, "GREETING=a=b"]
`;
  assert.deepEqual(specOf(text), {
    name: 'shop',
    hostname: 'Shop-1',
    directory: '/srv/shop',
    endpoints: [
      {
        network: 'office',
        interface: 'lan0',
        address: '192.168.11.101',
        mac: '02:4c:4c:00:00:01',
        gateway: 'none',
        routes: [
          { to: '10.50.0.0/24', via: '192.168.11.1' },
          { to: '10.60.0.7/32', via: '192.168.11.1' },
        ],
      },
    ],
    services: [
      {
        name: 'db',
        command: ['postgres', '-D', '/data'],
        environment: { PGDATA: '/data', GREETING: 'a=b' },
        dependsOn: [],
        restart: 'always',
        stopSignal: 'SIGTERM',
        stopGraceMs: 10_000,
      },
      {
        name: 'api',
        command: ['./api', '--name', 'the api'],
        environment: { REGION: 'office', DEBUG: '1' },
        workingDir: '/opt/api',
        dependsOn: [{ service: 'db', condition: 'service_started', required: true }],
        restart: 'on-failure',
        stopSignal: 'SIGKILL',
        stopGraceMs: 500,
      },
      {
        name: 'web',
        command: ['sh', '-c', 'exec ./web --port 80'],
        environment: { REGION: 'office', DEBUG: 'false', WORKERS: '4' },
        workingDir: '/srv/shop/static',
        dependsOn: [
          { service: 'api', condition: 'service_started', required: true },
          { service: 'db', condition: 'service_completed_successfully', required: false },
        ],
        restart: 'unless-stopped',
        stopSignal: 'SIGINT',
        stopGraceMs: 90_000,
      },
    ],
  });
  assert.deepEqual(notesOf(text), []);
});

test('where a hostname is written: of an endpoint, of all of them, or the name that stands for it', () => {
  const place = (text: string, hostname: string): unknown =>
    parseEnvironment(text, { file: 'shop.yaml', directory: '/srv' }).placeOf(hostname);
  const services = 'services: { web: { command: sleep 60 } }\n';
  assert.deepEqual(place(`name: shop\nx-landline: { network: office }\n${services}`, 'shop'), { line: 1, column: 7 });
  const list = `name: crm\nx-landline:\n  hostname: Shop\n  networks: [{ network: office, hostname: store }]\n${services}`;
  assert.deepEqual(
    ['shop', 'store', 'other'].map((it) => place(list, it)),
    [{ line: 3, column: 13 }, { line: 4, column: 43 }, undefined],
  );
  const map = `name: crm\nx-landline: { networks: { office: { hostname: store } } }\n${services}`;
  assert.deepEqual(place(map, 'store'), { line: 2, column: 47 });
});

test('the same as JSON, as the API takes it', () => {
  const json = { name: 'shop', 'x-landline': { network: 'none' }, services: { job: { command: ['true'] } } };
  assert.deepEqual(specOf(JSON.stringify(json)), {
    name: 'shop',
    hostname: 'shop',
    directory: '/srv/shop',
    endpoints: [],
    services: [
      {
        name: 'job',
        command: ['true'],
        environment: {},
        dependsOn: [],
        restart: 'no',
        stopSignal: 'SIGTERM',
        stopGraceMs: 10_000,
      },
    ],
  });
});

test('services keep the order of the file where nothing asks for another', () => {
  const services =
    'services: { e: { command: x, depends_on: [a] }, b: { command: x }, a: { command: x, depends_on: [c] }, d: { command: x }, c: { command: x } }';
  const { services: ordered } = specOf(`name: shop\nx-landline: { network: none }\n${services}\n`);
  assert.deepEqual(
    ordered.map((it) => it.name),
    ['b', 'd', 'c', 'a', 'e'],
  );
});

const shop =
  'name: shop\nx-landline: { network: office, address: 192.168.11.101, hostname: shop }\nservices: { web: { command: sleep 60 } }\n';

test('the command line goes before the file', () => {
  const spec = specOf(shop, { overrides: { name: 'shop-feature-12', network: 'lab', address: 'pool', hostname: 'feature' } });
  assert.deepEqual(
    { name: spec.name, hostname: spec.hostname, endpoints: spec.endpoints },
    {
      name: 'shop-feature-12',
      hostname: 'feature',
      endpoints: [{ network: 'lab', interface: 'eth0', address: 'pool', routes: [] }],
    },
  );
});

test('what the command line says need not be in the file, nor right there', () => {
  const overrides = { name: 'shop', network: 'office', address: '192.168.11.101' };
  const expected = [{ network: 'office', interface: 'eth0', address: '192.168.11.101', routes: [] }];
  const services = 'services: { web: { command: sleep 60 } }\n';
  assert.deepEqual(specOf(services, { overrides }).endpoints, expected);
  assert.deepEqual(
    specOf(`name: Not A Name\nx-landline: { network: bridge, address: dhcp }\n${services}`, { overrides }).endpoints,
    expected,
  );
});

test("--network none leaves the file's address without effect, and says so", () => {
  const overrides = { network: 'none' };
  assert.deepEqual(specOf(shop, { overrides }).endpoints, []);
  assert.deepEqual(notesOf(shop, { overrides }), ["2:32: 'address' has no effect on network 'none'"]);
});

test('a wrong word of the command line is a mistake of usage', () => {
  const cases = [
    [
      { name: 'My Shop' },
      "--name: 'My Shop' cannot be the name of an environment or service",
      "write 'my-shop' (lower-case letters, digits and '-', at most 63, not beginning with '-')",
    ],
    [
      { network: 'container:My Shop' },
      "--network: 'My Shop' cannot be the name of an environment or service",
      "write 'my-shop' (lower-case letters, digits and '-', at most 63, not beginning with '-')",
    ],
    [
      { address: '192.168.11.300' },
      "--address: '192.168.11.300' is no IPv4 address",
      'write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101',
    ],
    [{ hostname: 'a.b' }, "--hostname: 'a.b' cannot be a hostname", "write 'a': the domain is the network's"],
    [
      { name: 'shop-', hostname: '' },
      "--hostname: '' cannot be a hostname",
      "write letters, digits and '-', at most 63, no '-' at either end",
    ],
    [
      { network: 'none', address: '192.168.11.101' },
      "--address means nothing on network 'none'",
      'leave out --address, or name another network',
    ],
  ] as const;
  for (const [overrides, message, next] of cases)
    assert.throws(() => specOf(shop, { overrides }), { code: 'USAGE', message, next });
  const alone = 'name: shop\nx-landline: { network: none }\nservices: { web: { command: sleep 60 } }\n';
  assert.throws(() => specOf(alone, { overrides: { address: 'pool' } }), {
    code: 'USAGE',
    message: "--address means nothing on network 'none'",
  });
  const bare = 'x-landline: { network: office }\nservices: { web: { command: sleep 60 } }\n';
  assert.throws(() => specOf(bare, { overrides: { name: 'shop-' } }), {
    code: 'USAGE',
    message: "'shop-' cannot be a hostname, and no other is given",
  });
  assert.throws(() => specOf(shop, { directory: 'srv/shop' }), {
    code: 'USAGE',
    message: "the directory 'srv/shop' is not absolute",
  });
});

test('variables stand for texts in values, not in keys; a variable that is not set is noted once', () => {
  const text = `
name: \${NAME}
x-landline: { network: "\${NET:-office}", address: "$ADDRESS" }
x-ignored: { a: $5, b: "\${NOPE}" }
services:
  web:
    command: ["echo", "$$HOME is $HOME", "$NOPE", "\${NOPE}"]
    environment: { $NAME: "\${NAME}", FROM_SHELL:, LEFT_OUT: }
`;
  const variables = { NAME: 'shop', ADDRESS: '192.168.11.101', HOME: '/root', FROM_SHELL: 'yes' };
  const spec = specOf(text, { variables });
  assert.equal(spec.name, 'shop');
  assert.deepEqual(spec.endpoints, [{ network: 'office', interface: 'eth0', address: '192.168.11.101', routes: [] }]);
  assert.deepEqual(spec.services[0]?.command, ['echo', '$HOME is /root', '', '']);
  assert.deepEqual(spec.services[0]?.environment, { $NAME: 'shop', FROM_SHELL: 'yes' });
  assert.deepEqual(notesOf(text, { variables }), [
    '6:43: variable NOPE is not set: an empty text stands in its place',
    '7:51: variable LEFT_OUT is not set, and left out',
  ]);
});

test('without variables a dollar is a dollar', () => {
  const text =
    'name: shop\nx-landline: { network: none }\nservices: { web: { command: ["echo", "$HOME $$ ${"], environment: [HOME] } }\n';
  const { spec, notes } = parseEnvironment(text, { file: 'request', directory: '/' });
  assert.deepEqual(spec.services[0]?.command, ['echo', '$HOME $$ ${']);
  assert.deepEqual(spec.services[0]?.environment, {});
  assert.deepEqual(notes, [{ line: 3, column: 68, message: 'variable HOME is not set, and left out' }]);
});

test('numbers become text as Compose makes them', () => {
  const text = `
name: shop
x-landline: { network: none }
services:
  web:
    command: env
    environment:
      A: 1
      B: 1.50
      C: 1e6
      D: 0x1F
      E: 007
      F: 12345678901234567890
      G: True
      H: .5
      I: 0.00001
      J: 0o17
      L: 08
      M: "1.50"
      N: +3
      O: 123456.5
      P: -2.5e-7
`;
  assert.deepEqual(specOf(text).services[0]?.environment, {
    A: '1',
    B: '1.5',
    C: '1e+06',
    D: '31',
    E: '7',
    F: '12345678901234567890',
    G: 'true',
    H: '0.5',
    I: '1e-05',
    J: '15',
    L: '8',
    M: '1.50',
    N: '3',
    O: '123456.5',
    P: '-2.5e-07',
  });
});

test('ports on a network of the LAN are answered with where to go instead', () => {
  const text = `
name: shop
x-landline: { network: office, address: 192.168.11.101 }
services:
  web:
    command: sleep 60
    ports:
      - 8080:80
      - "127.0.0.1:8443:443/tcp"
      - 5432
      - { target: 3000, published: 13000 }
      - "9090-9091:8080-8081"
`;
  assert.deepEqual(notesOf(text), [
    "7:9: '8080:80' is not needed: open http://192.168.11.101/",
    "8:9: '127.0.0.1:8443:443/tcp' is not needed: open https://192.168.11.101/",
    "9:9: '5432' is not needed: connect to 192.168.11.101:5432",
    "10:9: '13000:3000' is not needed: connect to 192.168.11.101:3000",
    "11:9: '9090-9091:8080-8081' is not needed: connect to 192.168.11.101:8080-8081",
  ]);
  assert.deepEqual(notesOf(text, { overrides: { address: 'pool' } }).slice(0, 3), [
    "7:9: '8080:80' is not needed: open the environment's own address",
    "8:9: '127.0.0.1:8443:443/tcp' is not needed: open the environment's own address",
    "9:9: '5432' is not needed: connect to port 5432 of the environment's own address",
  ]);
  assert.match(
    notesOf(text, { overrides: { network: 'none' } })[1] ?? '',
    /^7:9: '8080:80' has no effect: there is no link of its own that it could lead to$/,
  );
});

test('what has no effect is noted once, however many services have it', () => {
  const text = `
version: "3.9"
name: shop
x-landline: { network: office }
networks: { default: {} }
services:
  web: { command: sleep 60, labels: { a: b }, container_name: web, networks: [default], hostname: web }
  db: { command: sleep 60, labels: [], expose: [80], links: [web], logging: {}, deploy: {}, x-mine: 1 }
`;
  assert.deepEqual(notesOf(text), [
    "1:1: 'version' has no effect: Compose itself ignores it",
    "4:1: 'networks' has no effect: x-landline says how the environment is connected, all services together",
    "6:29: 'labels' has no effect: there is no container to label",
    "6:47: 'container_name' has no effect: the service is NAME/SERVICE in every command; inside the environment the name is 127.0.0.1",
    "6:68: 'networks' has no effect: x-landline says how the environment is connected, all services together",
    "6:89: 'hostname' has no effect: x-landline.hostname names the environment, all services together; inside of it the name is 127.0.0.1",
    "7:40: 'expose' has no effect: every port answers at the address of the environment",
    "7:54: 'links' has no effect: every service's name resolves inside the environment, and so do the names given here",
    "7:68: 'logging' has no effect: `landline logs` shows what a service writes",
    "7:81: 'deploy' has no effect: it is for swarms; of a container `resources.limits` set `cpus`, `mem_limit` and `pids_limit`; `replicas` may be 1",
  ]);
});

test('a dependency that is not required may be missing, which is noted, and so is `restart`', () => {
  const text = `
name: shop
x-landline: { network: office }
services:
  web:
    command: x
    depends_on:
      cache: { condition: service_healthy, required: false }
      db: { condition: service_started, restart: true }
  db: { command: x }
`;
  assert.deepEqual(notesOf(text), [
    "7:7: there is no service 'cache', and nothing waits for it: it is not required",
    "8:41: 'restart' of a dependency has no effect: services meet over localhost, and connect again by themselves",
  ]);
  assert.deepEqual(specOf(text).services[1]?.dependsOn, [{ service: 'db', condition: 'service_started', required: true }]);
});

test("the networks host and container:NAME are another's sandbox, and no link of its own", () => {
  const specOf = (network: string): unknown => {
    const text = `name: dbg\nx-landline: { network: ${network} }\nservices: { web: { command: sleep 60 } }\n`;
    const { spec } = parseEnvironment(text, { file: 'dbg.yaml', directory: '/srv' });
    const again = parseEnvironment(formatEnvironment(spec), { file: 'again', directory: '/srv' }).spec;
    assert.deepEqual(again, spec);
    return { sandbox: spec.sandbox, endpoints: spec.endpoints };
  };
  assert.deepEqual(specOf('host'), { sandbox: { kind: 'host' }, endpoints: [] });
  assert.deepEqual(specOf('container:shop'), { sandbox: { kind: 'environment', name: 'shop' }, endpoints: [] });
  assert.deepEqual(specOf('none'), { sandbox: undefined, endpoints: [] });
});

test('an address is leased from the LAN where the file or the command line says dhcp, and where nobody names one it is as the network says', () => {
  const addressOf = (address: string | undefined, overrides = {}): string | undefined =>
    specOf(
      `name: shop\nx-landline: { network: office${address === undefined ? '' : `, address: ${address}`} }\nservices: { web: { command: sleep 60 } }\n`,
      { overrides },
    ).endpoints[0]?.address;
  assert.equal(addressOf('dhcp'), 'dhcp');
  assert.equal(addressOf(undefined, { address: 'dhcp' }), 'dhcp');
  assert.equal(addressOf('pool'), 'pool');
  assert.equal(addressOf(undefined), 'default');
});
