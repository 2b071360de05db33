/**
 * The plan's findings as SARIF 2.1.0, which code hosts show beside the lines of the specs. A finding about something that is no longer in
 * the specs has no line: it stands at the config file, because a result without a place is not shown.
 */

import { sha256 } from '../../lib/canonical.ts';
import { CODES, type DiagnosticCode } from '../../lib/codes.ts';
import type { Severity } from '../../lib/diagnostics.ts';
import type { FindingPlace } from '../change.ts';
import type { Gate } from '../gate.ts';
import { type Drift, findingsOf, type Plan } from '../plan.ts';
import { readersText } from './impact-text.ts';
import { type PolicyTold, toldPolicies } from './policy-text.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';

/** Results that GitHub takes of one run; it refuses the whole file where there are more. */
const RESULTS_LIMIT = 25_000;

export interface SarifOptions {
  readonly version: string;
  /** The config file, relative to the project's root, as places of findings are. */
  readonly configFile: string;
  /** A file of a place as the code host knows it: relative to the repository, with `/`. Default: as it is. */
  readonly uriOf?: (file: string) => string;
  /** What a code means, in whole sentences. Default: its summary. */
  readonly help?: (code: DiagnosticCode) => string | undefined;
  readonly gate?: Gate | undefined;
}

export interface Told {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  /** A resource's, or a store's. */
  readonly address: string;
  readonly text: string;
  readonly at: FindingPlace | null;
  /** The reason in the specs for letting it pass. */
  readonly suppressed: string | null;
  /** What belongs to it and may change from day to day: the finding stays the same. */
  readonly note?: string | undefined;
}

export function renderSarif(plan: Plan, options: SarifOptions): string {
  const readers = new Map<string, string | undefined>(
    plan.changes.map(({ address, impact }) => [address, readersText(impact)]),
  );
  const told = [
    ...findingsOf(plan).map((finding) => ({ ...toldFinding(finding), note: readers.get(finding.address) })),
    ...plan.drift.map(toldDrift),
    ...toldPolicies(plan, options.gate).map(toldPolicy),
    ...toldGate(plan, options.gate),
  ];
  const { format, specDigest, serial, applyable } = plan;
  return sarifLog(
    told,
    { id: `mlops/${plan.project}/${plan.environment}/`, properties: { format, specDigest, serial, applyable } },
    options,
  );
}

export interface SarifRun {
  /** What is compared with each other: the runs of one project and environment. */
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export function sarifLog(all: readonly Told[], { id, properties }: SarifRun, options: SarifOptions): string {
  const told = gravest(all);
  const codes = [...new Set(told.map(({ code }) => code))].sort();
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'mlops',
            semanticVersion: options.version,
            rules: codes.map((code) => ruleOf(code, options)),
          },
        },
        automationDetails: { id },
        columnKind: 'utf16CodeUnits',
        results: told.map((one) => resultOf(one, codes.indexOf(one.code), options)),
        properties: { ...properties, ...(told.length < all.length ? { leftOut: all.length - told.length } : {}) },
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** All of them, in their order, where the code host takes as many. */
function gravest(told: readonly Told[]): readonly Told[] {
  if (told.length <= RESULTS_LIMIT) return told;
  return (['error', 'warning', 'info'] as const)
    .flatMap((severity) => told.filter((one) => one.severity === severity))
    .slice(0, RESULTS_LIMIT);
}

function toldFinding(finding: ReturnType<typeof findingsOf>[number]): Told {
  const { code, severity, address, detail, fix, at, suppressed = null } = finding;
  return {
    code,
    severity,
    address,
    at,
    suppressed,
    text: `${address}: ${detail}${fix === null ? '' : `\nFix: ${fix}.`}`,
  };
}

/** A store has no line in the specs. */
function toldDrift({ code, severity, address, detail, fix }: Drift): Told {
  const text = `${address}: ${detail}${fix === null ? '' : `\nFix: ${fix}.`}`;
  return { code, severity, address, at: null, suppressed: null, text };
}

function toldPolicy({ code, severity, name, sentences, result }: PolicyTold): Told {
  const said = sentences.map(
    ({ text, addresses }) => `${text}${addresses.length === 0 ? '' : ` (${addresses.join(', ')})`}`,
  );
  const text = `${name}: ${said.join('\n')}`;
  return { code, severity, address: result.address, at: result.at, suppressed: null, text };
}

/** What a policy speaks against is told by itself. */
function toldGate(plan: Plan, gate: Gate | undefined): readonly Told[] {
  if (gate === undefined || gate.failOn === 'policy') return [];
  const changes = new Map(plan.changes.map((change) => [change.address as string, change]));
  return gate.blocked.map((address) => ({
    code: 'AP110',
    severity: 'error',
    suppressed: null,
    address,
    at: changes.get(address)?.findings.find(({ at }) => at !== null)?.at ?? null,
    text: `${address}: the change is ${changes.get(address)?.class}, and --fail-on ${gate.failOn} holds it back.`,
  }));
}

function ruleOf(code: DiagnosticCode, { help }: SarifOptions): Readonly<Record<string, unknown>> {
  const text = help?.(code) ?? `${CODES[code]}.`;
  return {
    id: code,
    name: CODES[code].replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_match, letter: string) => letter.toUpperCase()),
    shortDescription: { text: `${CODES[code]}.` },
    fullDescription: { text },
    help: { text, markdown: text },
  };
}

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};

function resultOf(
  { code, severity, address, text, at, suppressed, note }: Told,
  ruleIndex: number,
  { configFile, uriOf }: SarifOptions,
): Readonly<Record<string, unknown>> {
  const file = at?.file ?? configFile;
  const uri = (uriOf ?? ((name: string) => name))(file);
  return {
    ruleId: code,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: note === undefined ? text : `${text}\n${address}: ${note}.` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: isAbsoluteUri(uri) ? { uri } : { uri: encodeUri(uri), uriBaseId: '%SRCROOT%' },
          region: { startLine: at?.line ?? 1, startColumn: at?.column ?? 1 },
        },
        logicalLocations: [{ fullyQualifiedName: address, kind: 'resource' }],
      },
    ],
    ...(suppressed === null
      ? {}
      : { suppressions: [{ kind: 'inSource', status: 'accepted', justification: suppressed }] }),
    // The same finding stays the same when lines move.
    partialFingerprints: { 'mlopsFinding/v1': sha256(`${code}\n${address}\n${text}`) },
  };
}

const isAbsoluteUri = (uri: string): boolean => /^[a-z][a-z0-9+.-]+:/i.test(uri);
const encodeUri = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
