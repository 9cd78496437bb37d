select
    date_trunc('week', day) as week,
    max(return_rate) as worst_day
from {{ ref('day_returns') }}
group by week
