-- What the connecting role may not do with the tables of the schema mlops, and who else was granted writes on those that are
-- append-only.
-- $1 tables that are only read and appended to
-- Rows: {table, grantee, privileges}; grantee null: the connecting role lacks them. `PUBLIC` is everybody. Locks: none.
with tables as (
  select c.oid, c.relname, c.relowner, c.relacl, c.relname = any($1::text[]) as append_only
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'mlops' and c.relkind in ('r', 'p')
), granted as (
  select t.relname, a.grantee, a.privilege_type from tables t, aclexplode(t.relacl) as a where a.grantee <> t.relowner
)
select t.relname::text as "table", null as grantee, array_agg(p.privilege order by p.privilege) as privileges
  from tables t
  cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) as p (privilege)
 where not (t.append_only and p.privilege in ('UPDATE', 'DELETE'))
   and not has_table_privilege(current_user, t.oid, p.privilege)
 group by t.relname
union all
select g.relname::text, case when g.grantee = 0 then 'PUBLIC' else pg_get_userbyid(g.grantee)::text end,
       array_agg(distinct g.privilege_type order by g.privilege_type)
  from granted g join tables t on t.relname = g.relname and t.append_only
 where pg_get_userbyid(g.grantee) is distinct from current_user
   and (g.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
        -- Appending is what a role of the program does, and such a role writes the resources too.
        or g.privilege_type = 'INSERT' and not exists (
             select from granted o where o.grantee = g.grantee and g.grantee <> 0 and o.relname = 'resources' and o.privilege_type = 'INSERT'))
 group by 1, 2
order by 1, 2
