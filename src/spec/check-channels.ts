/** Channels that notifications are to go to: a rule of a pipeline names one that some environment has, a rule of an environment one of its own. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { type Locator, pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';
import type { NotifyRule, ProjectSpec } from './schema-types.ts';

type Environments = NonNullable<ProjectSpec['environments']>;

/** Of the environments' own rules. */
export function environmentChannelProblems(environments: Environments, locator: Locator): readonly Diagnostic[] {
  return Object.entries(environments).flatMap(([name, { notify, notifications = {} }]) =>
    unknownChannels(notify, Object.keys(notifications), `${pointerTo('/environments', name)}/notify`).map((problem) =>
      toDiagnostic(
        { ...problem, code: 'SP104', detail: `The environment "${name}" has no notification channel "${problem.to}".` },
        { locator },
      ),
    ),
  );
}

/** Of pipelines' rules. */
export function checkChannels(table: ResourceTable, environments: Environments): readonly Diagnostic[] {
  const known = Object.values(environments).flatMap(({ notifications = {} }) => Object.keys(notifications));
  return [...table.ofKind('pipeline')].flatMap((pipeline) => {
    if (!pipeline.sound) return [];
    const rules = pipeline.value['notify'] as readonly NotifyRule[] | undefined;
    const problems = [
      ...unknownChannels(rules, [...new Set(known)], '/notify'),
      ...unknownTaskChannels(pipeline.value['tasks'] as Tasks | undefined, [...new Set(known)]),
    ];
    return problems.map((problem) =>
      toDiagnostic(
        { ...problem, code: 'SP104', detail: `No environment has a notification channel "${problem.to}".` },
        pipeline,
      ),
    );
  });
}

type Tasks = Readonly<Record<string, { readonly operator: string; readonly channel?: string }>>;

function unknownTaskChannels(tasks: Tasks = {}, known: readonly string[]) {
  return Object.entries(tasks).flatMap(([name, { operator, channel = '' }]) =>
    operator !== 'notify' || known.includes(channel)
      ? []
      : [{ to: channel, pointer: `${pointerTo('/tasks', name)}/channel`, hint: hintFor(channel, known) }],
  );
}

const hintFor = (to: string, known: readonly string[]): string =>
  didYouMean(to, known) ?? `declare it: environments.NAME.notifications.${to}`;

function unknownChannels(rules: readonly NotifyRule[] = [], known: readonly string[], pointer: string) {
  return rules.flatMap(({ to }, index) =>
    known.includes(to)
      ? []
      : [
          {
            to,
            pointer: `${pointer}/${index}/to`,
            hint: hintFor(to, known),
          },
        ],
  );
}
