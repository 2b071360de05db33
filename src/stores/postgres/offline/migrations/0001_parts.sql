-- Which tables there are. Of a set version's table each part is a range of rows that one write added; of a source each
-- snapshot is a table. What is not listed here is not read. Runs in the store's schema. Locks: none.
create table parts (
  id bigint generated always as identity primary key,
  location text not null unique,
  -- The table of this schema that holds the rows.
  table_name text not null,
  rows bigint not null,
  bytes bigint not null,
  written_at timestamptz not null default now()
);
create index on parts (table_name);
