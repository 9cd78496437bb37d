select
    customer_id,
    avg(cast(returned as integer)) as return_rate,
    count(*) as orders
from {{ source('shop', 'orders') }}
group by customer_id
