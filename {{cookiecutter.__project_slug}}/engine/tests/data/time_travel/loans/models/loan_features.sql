select
    l.loan_id,
    l.issued,
    l.defaulted,
    l.amount as ok_amount,
    l.branch as ok_branch,
    l.amount / l.term as ok_installment,
    coalesce(sum(b.bad) over before, 0) as ok_bad_in_branch_before,
    count(*) over (partition by l.issued) as ok_loans_of_day,
    sum(l.amount) over (order by l.issued range between interval 7 day preceding and interval 1 day preceding)
        as ok_amount_last_week,
    avg(l.bad) over (partition by l.issued) as leak_rate_of_day,
    b.bad as leak_bad_in_branch_on_day,
    avg(l.bad) over (partition by l.branch) as leak_rate_of_branch,
    sum(l.bad) over (order by l.issued range between interval 7 day preceding and current row) as leak_bad_to_today,
    l.bad * l.amount as leak_loss,
    max(l.amount) over (partition by date_trunc('month', l.issued)) + sum(l.amount) over (
        partition by date_trunc('month', l.issued)
    ) as leak_amount_of_month
from {{ ref('stg_loans') }} as l
left join {{ ref('branches') }} as b on l.branch = b.branch and l.issued = b.issued
window before as (
    partition by l.branch order by l.issued range between interval 30 day preceding and interval 1 day preceding
)
