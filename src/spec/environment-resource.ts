/**
 * What an environment says of how runs are run, as a resource `environment.NAME`: planned, recorded and kept in the history like
 * those that are declared. Where the environment keeps things and listens is not in it, nor is any secret: a reference is one,
 * and a plain text where one could stand is an origin and a digest.
 */
import { digestOf } from '../lib/canonical.ts';
import { type EnvRef, isEnvRef } from '../lib/secret.ts';
import { type Address, addressOf } from './address.ts';
import type { CanonicalEnvironment } from './canonical-specs.ts';
import type { AnyResource, Project, Resource } from './project.ts';
import { projectDigest } from './project-digest.ts';
import type { ChannelSpec, EnvironmentSpec, TelemetrySpec } from './schema-types.ts';
import { specDigest } from './spec-digest.ts';

/** The project with the environment's settings among its resources, in place of those that it had. */
export function withEnvironment(project: Project, name: string): Project {
  const others = [...project.resources].filter(([, { kind }]) => kind !== 'environment');
  const spec = environmentSpec(name, project.environments[name] ?? {});
  const all: readonly (readonly [Address, AnyResource])[] =
    spec === undefined ? others : [...others, [addressOf('environment', name), resourceOf(spec, project)]];
  const resources = new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...project, resources, digest: projectDigest(resources.values()) };
}

/** Undefined where the environment says nothing. */
export function environmentSpec(name: string, settings: EnvironmentSpec): CanonicalEnvironment | undefined {
  const {
    pools,
    teams,
    daemon,
    runner,
    notifications,
    notify,
    telemetry,
    retention,
    artifacts,
    snapshots,
    answerLog,
    serving,
  } = settings;
  const said = {
    ...(pools !== undefined && { pools }),
    ...(teams !== undefined && { teams }),
    ...(daemon?.resources !== undefined && { resources: daemon.resources }),
    ...(runner !== undefined && { runner }),
    ...(notifications !== undefined && { notifications: mapped(notifications, veiledChannel) }),
    ...(notify !== undefined && { notify }),
    ...(telemetry !== undefined && { telemetry: veiledTelemetry(telemetry) }),
    ...(retention !== undefined && { retention }),
    ...(artifacts !== undefined && { artifacts }),
    ...(snapshots !== undefined && { snapshots }),
    ...(answerLog !== undefined && { answerLog }),
    ...(serving !== undefined && { serving }),
  };
  return Object.keys(said).length === 0 ? undefined : { name, ...said };
}

function resourceOf(spec: CanonicalEnvironment, { locateSetting }: Project): Resource<'environment'> {
  const within = (pointer: string): string =>
    `/environments/${spec.name}${pointer.replace(/^\/resources(?=\/|$)/, '/daemon/resources')}`;
  return {
    kind: 'environment',
    name: spec.name,
    address: addressOf('environment', spec.name),
    spec,
    digest: specDigest(spec),
    dependsOn: [],
    get at() {
      return locateSetting?.(within(''));
    },
    locate: (pointer) => locateSetting?.(within(pointer)),
  };
}

type Secret = string | EnvRef;

/** Enough to see that it is another one, and where it leads. */
function veiled(secret: Secret): Secret {
  if (isEnvRef(secret)) return secret;
  const digest = `sha256:${digestOf(secret).slice(0, 12)}`;
  if (!URL.canParse(secret)) return digest;
  const { protocol, host, pathname, search, username, password } = new URL(secret);
  return pathname.length <= 1 && `${search}${username}${password}` === '' ? secret : `${protocol}//${host} ${digest}`;
}

function veiledChannel({ webhook, slack, email }: ChannelSpec): ChannelSpec {
  return {
    ...(webhook !== undefined && {
      webhook: {
        url: veiled(webhook.url),
        ...(webhook.headers !== undefined && { headers: mapped(webhook.headers, veiled) }),
        ...(webhook.secret !== undefined && { secret: veiled(webhook.secret) }),
      },
    }),
    ...(slack !== undefined && { slack: { url: veiled(slack.url) } }),
    ...(email !== undefined && { email: { ...email, smtp: veiled(email.smtp) } }),
  };
}

function veiledTelemetry({ otlp, openLineage }: TelemetrySpec): TelemetrySpec {
  return {
    ...(otlp !== undefined && {
      otlp: {
        endpoint: veiled(otlp.endpoint),
        ...(otlp.headers !== undefined && { headers: mapped(otlp.headers, veiled) }),
      },
    }),
    ...(openLineage !== undefined && {
      openLineage: {
        url: veiled(openLineage.url),
        ...(openLineage.apiKey !== undefined && { apiKey: veiled(openLineage.apiKey) }),
      },
    }),
  };
}

function mapped<T>(by: Readonly<Record<string, T>>, make: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(by).map(([name, value]) => [name, make(value)]));
}
