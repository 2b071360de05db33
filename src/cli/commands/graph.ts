import { string } from '@oclif/core/flags';
import type { AnyResource } from '../../spec/project.ts';
import { triggerEdges } from '../../spec/triggers.ts';
import { BaseCommand } from '../base-command.ts';
import { type GraphEdge, graphText } from '../graph-text.ts';
import { writeJson } from '../report.ts';
import { desiredOf } from '../session.ts';

/** What starts a pipeline comes before it too, though it need not be there first. */
function triggersOf(resources: readonly AnyResource[]): readonly GraphEdge[] {
  return resources.flatMap(({ kind, spec }) =>
    kind === 'pipeline' ? triggerEdges(spec).map((edge) => ({ ...edge, starts: true })) : [],
  );
}

export default class Graph extends BaseCommand {
  static override summary = 'What depends on what, as the specs say.';
  static override flags = { format: string({ options: ['dot', 'mermaid', 'svg', 'json'], default: 'dot' }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(Graph);
    const { project } = await desiredOf(flags);
    const resources = [...project.resources.values()].filter(({ kind }) => kind !== 'environment');
    const nodes = resources.map(({ address, kind, name }) => ({ address, kind, name }));
    const needed = resources.flatMap(({ address, dependsOn }) =>
      dependsOn.map((dependency): GraphEdge => ({ from: dependency, to: address })),
    );
    const edges = [...needed, ...triggersOf(resources)];
    if (flags.json || flags.format === 'json') writeJson({ nodes, edges });
    else if (flags.format === 'svg') {
      const { layoutSvg } = await import('../../graph/svg.ts');
      this.print(await layoutSvg(graphText('dot', nodes, edges)));
    } else this.print(graphText(flags.format === 'mermaid' ? 'mermaid' : 'dot', nodes, edges));
  }
}
