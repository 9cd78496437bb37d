-- Readings of machines; each comes with the failure that follows within the hour.
create schema plant;

create table plant.readings as
select
    i as reading_id,
    concat('M', i % 8) as machine,
    timestamp '2025-03-01' + to_minutes(cast(i * 5 as bigint)) as read_at,
    cast(20 + hash(i, 'temperature') % 60 as integer) as temperature,
    hash(i, 'failure') % 6 = 0 as fails
from range(6000) numbers (i);
