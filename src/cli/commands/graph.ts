import { string } from '@oclif/core/flags';
import { BaseCommand } from '../base-command.ts';
import { graphText } from '../graph-text.ts';
import { writeJson } from '../report.ts';
import { desiredOf } from '../session.ts';

export default class Graph extends BaseCommand {
  static override summary = 'What depends on what, as the specs say.';
  static override flags = { format: string({ options: ['dot', 'mermaid', 'svg', 'json'], default: 'dot' }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(Graph);
    const { project } = await desiredOf(flags);
    const resources = [...project.resources.values()];
    const nodes = resources.map(({ address, kind, name }) => ({ address, kind, name }));
    const edges = resources.flatMap(({ address, dependsOn }) =>
      dependsOn.map((dependency) => ({ from: dependency, to: address })),
    );
    if (flags.json || flags.format === 'json') writeJson({ nodes, edges });
    else if (flags.format === 'svg') {
      const { layoutSvg } = await import('../../graph/svg.ts');
      this.print(await layoutSvg(graphText('dot', nodes, edges)));
    } else this.print(graphText(flags.format === 'mermaid' ? 'mermaid' : 'dot', nodes, edges));
  }
}
