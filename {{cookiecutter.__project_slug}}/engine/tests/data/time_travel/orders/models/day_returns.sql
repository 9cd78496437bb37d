select
    cast(ordered_at as date) as day,
    count(*) as orders,
    avg(cast(returned as integer)) as return_rate
from {{ source('shop', 'orders') }}
group by day
