-- Everything of the schema mlops that a program relies on, one row an object. Names in definitions are qualified: the caller has
-- set search_path to pg_catalog.
-- Rows: {kind, table, name, definition, enabled}; a column's definition is {type, notNull, default, identity} as text.
-- Locks: none beyond those of reading the catalog.
with schema as (
  select oid from pg_namespace where nspname = 'mlops'
), tables as (
  select c.oid, c.relname from pg_class c, schema where c.relnamespace = schema.oid and c.relkind in ('r', 'p')
)
select 'table' as kind, relname::text as "table", relname::text as name, '' as definition, true as enabled from tables
union all
select 'column', t.relname, a.attname,
       json_build_object('type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
                         'default', pg_get_expr(d.adbin, d.adrelid), 'identity', nullif(a.attidentity, ''))::text, true
  from tables t
  join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
select 'constraint', t.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated
  from tables t join pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c')
union all
select 'index', t.relname, i.relname, pg_get_indexdef(x.indexrelid), x.indisvalid
  from tables t
  join pg_index x on x.indrelid = t.oid
  join pg_class i on i.oid = x.indexrelid
 where not exists (select from pg_constraint c where c.conindid = x.indexrelid and c.contype in ('p', 'u', 'x'))
union all
select 'trigger', t.relname, g.tgname, pg_get_triggerdef(g.oid), g.tgenabled in ('O', 'A')
  from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
union all
select 'function', null, p.proname, pg_get_functiondef(p.oid), true
  from pg_proc p, schema where p.pronamespace = schema.oid and p.prokind = 'f'
union all
select 'sequence', null, c.relname, format_type(s.seqtypid, null), true
  from pg_class c, pg_sequence s, schema
 where c.relnamespace = schema.oid and s.seqrelid = c.oid
   and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0)
order by 1, 2, 3
