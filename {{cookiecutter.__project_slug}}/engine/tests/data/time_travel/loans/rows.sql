-- Loans by day; whether one defaults is known after it, and nobody recorded when.
create schema bank;

create table bank.loans as
select
    i as loan_id,
    date '2025-01-01' + cast(i // 12 as integer) as issued,
    concat('B', hash(i, 'branch') % 9) as branch,
    1000 + hash(i, 'amount') % 9000 as amount,
    24 + 12 * (hash(i, 'term') % 3) as term,
    hash(i, 'default') % 5 = 0 as defaulted
from range(2400) numbers (i);
