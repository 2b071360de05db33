/** Whether the server can be used, and what this user may do there. */
import type { OfflineHealth } from '../../offline.ts';
import { hasSchema, refuseOld } from './schema.ts';
import type { Warehouse } from './warehouse.ts';

export async function healthOf(warehouse: Warehouse): Promise<OfflineHealth> {
  return warehouse.job(AbortSignal.timeout(20_000), async (session) => {
    await refuseOld(session);
    const [found] = await session.query<{ version: string; database: string; creates: boolean; temporary: boolean }>(
      `select current_setting('server_version') as version, current_database() as database,
              has_database_privilege(current_database(), 'CREATE') as creates, has_database_privilege(current_database(), 'TEMPORARY') as temporary`,
    );
    const made = await hasSchema(warehouse, session);
    const warnings = [
      ...(found?.temporary === true ? [] : ['the user may not make temporary tables: grant TEMPORARY on the database']),
      ...(made || found?.creates === true
        ? []
        : [
            `the user may not make the schema "${warehouse.schemaName}": grant CREATE on the database, or make it for the user`,
          ]),
    ];
    return {
      detail: `Postgres ${found?.version}, database ${found?.database}, schema ${warehouse.schemaName}${made ? '' : ' (not made yet)'}`,
      warnings,
    };
  });
}
