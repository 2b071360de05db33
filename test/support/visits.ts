/** Rows of visits for queries that are compared between engines: with nulls, ties and odd texts. The statements run on each. */
export const VISITS: readonly string[] = [
  'create table visits (id bigint, event_time timestamp, day integer, bili double precision, albumin double precision, status integer, ward text)',
  'create table wards (ward text, beds integer)',
  `insert into visits values ${Array.from({ length: 90 }, (_, i) => {
    const [day, bili, albumin, ward] = [
      i % 11 === 0 ? 'null' : (i * 5) % 40,
      i % 6 === 0 ? 'null' : ((i * 29) % 50) / 10,
      i % 7 === 0 ? 'null' : ((i * 31) % 50) / 10,
      i % 8 === 0 ? 'null' : `'${['A', 'B', 'Ab', 'a', '12'][i % 5]}'`,
    ];
    return `(${1 + ((i * 7) % 9)}, timestamp '2023-12-20' + interval '${(i * 37) % 90} days' + interval '${(i * 13) % 24} hours', ${day}, ${bili}, ${albumin}, ${i % 3}, ${ward})`;
  }).join(', ')}`,
  "insert into wards values ('A', 10), ('B', 20), ('C', 30)",
];
