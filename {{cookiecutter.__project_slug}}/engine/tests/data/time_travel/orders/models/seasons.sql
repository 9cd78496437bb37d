select
    week,
    worst_day - avg(worst_day) over () as excess
from {{ ref('week_returns') }}
