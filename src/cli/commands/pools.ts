import { BaseCommand } from '../base-command.ts';
import { table } from '../output.ts';
import { inEnvironment } from '../session.ts';

export default class Pools extends BaseCommand {
  static override summary = 'Pools of the environment, and what is used of them.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(Pools);
    const pools = await inEnvironment(this, flags, async (environment) => (await environment.orchestrator()).pools());
    this.result(flags, { pools }, () =>
      pools.length === 0
        ? 'No pools.'
        : table(
            ['POOL', 'SLOTS', 'USED', 'WAITING'],
            pools.map(({ name, slots, used, waiting }) => [
              name,
              slots === null ? 'none' : String(slots),
              String(used),
              String(waiting),
            ]),
          ),
    );
  }
}
