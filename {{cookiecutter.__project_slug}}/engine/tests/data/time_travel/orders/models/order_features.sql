with orders as (
    select *, cast(ordered_at as date) as day, cast(returned as integer) as is_return
    from {{ source('shop', 'orders') }}
),
visits as (select * from {{ source('shop', 'visits') }}),
prices as (select * from {{ source('shop', 'prices') }}),
corrections as (select * from {{ source('shop', 'corrections') }}),
shipments as (select * from {{ source('shop', 'shipments') }}),
current_prices as (
    select product_id, max_by(price, valid_from) as price from prices group by product_id
),
month_rates as (
    select product_id, date_trunc('month', ordered_at) as month, avg(is_return) as rate from orders group by all
)

select
    o.order_id,
    o.ordered_at,
    o.returned,

    ---------- known when the order is placed
    o.amount as ok_amount,
    extract(hour from o.ordered_at) as ok_hour,
    isodow(o.ordered_at) as ok_day_of_week,
    products.category as ok_category,
    products.weight_kg as ok_weight,
    products.weight_kg - avg(products.weight_kg) over () > 0 as ok_constant_or_not,
    count(*) over earlier as ok_orders_before,
    avg(o.amount) over earlier as ok_mean_amount_before,
    max(o.amount) over to_now as ok_highest_amount,
    lag(o.amount) over customer as ok_previous_amount,
    date_diff('minute', lag(o.ordered_at) over customer, o.ordered_at) as ok_minutes_since_order,
    row_number() over customer = 1 as ok_first_order,
    row_number() over (partition by o.day order by o.ordered_at, o.order_id) as ok_place_in_day,
    count(*) over (partition by o.product_id order by o.ordered_at, o.order_id) as ok_product_orders,
    avg(o.is_return) over (
        partition by o.product_id order by o.ordered_at
        range between interval 30 day preceding and interval 10 day preceding
    ) as ok_product_return_rate,
    avg(o.is_return) over (
        order by o.ordered_at range between unbounded preceding and interval 241 hour preceding
    ) as ok_return_rate_so_far,
    sum(o.amount) over (
        partition by o.customer_id order by o.ordered_at range between interval 7 day preceding and current row
    ) as ok_amount_in_week,
    (select count(*) from visits as v where v.customer_id = o.customer_id and v.visited_at < o.ordered_at)
        as ok_visits_before,
    (
        select count(*) from visits as v
        where v.customer_id = o.customer_id and v.visited_at between o.ordered_at - interval 7 day and o.ordered_at
    ) as ok_visits_in_week,
    (select max(v.visited_at) from visits as v where v.customer_id = o.customer_id and v.visited_at <= o.ordered_at)
        as ok_last_visit,
    (
        select max_by(p.price, p.valid_from) from prices as p
        where p.product_id = o.product_id and p.valid_from <= o.ordered_at
    ) as ok_price,
    (select count(*) from prices as p where p.product_id = o.product_id and p.valid_from <= o.ordered_at)
        as ok_price_changes,
    (select count(*) from corrections as c where c.corrected_at <= o.ordered_at) as ok_corrections_so_far,
    (select max(c.corrected_amount) from corrections as c where c.corrected_at <= o.ordered_at) as ok_largest_correction,
    (select count(*) from shipments as s where s.delivered_at <= o.ordered_at) as ok_deliveries_so_far,
    (
        select avg(date_diff('hour', s.shipped_at, s.delivered_at)) from shipments as s
        where s.delivered_at <= o.ordered_at
    ) as ok_mean_delivery_hours,
    (select count(*) from orders as y where y.day = o.day - 1) as ok_orders_yesterday,
    (
        select avg(y.is_return) from orders as y
        where y.day >= o.day - interval 30 day and y.day < o.day - interval 10 day
    ) as ok_returns_of_last_month,
    o.amount * products.weight_kg as ok_amount_by_weight,
    coalesce(lag(o.product_id) over customer = o.product_id, false) as ok_same_product_again,
    stddev_samp(o.amount) over earlier as ok_spread_of_amounts,
    o.order_id % 7 as ok_last_digit,

    ---------- not known then
    days.orders as leak_orders_of_day,
    days.return_rate as leak_return_rate_of_day,
    customers.return_rate as leak_customer_return_rate,
    customers.orders as leak_customer_orders,
    seasons.excess as leak_season,
    avg(o.amount) over () as leak_mean_amount,
    (o.amount - avg(o.amount) over ()) / stddev_samp(o.amount) over () as leak_standard_amount,
    percent_rank() over (order by o.amount) as leak_rank_of_amount,
    lead(o.ordered_at) over customer - o.ordered_at as leak_time_to_next,
    lead(o.ordered_at) over customer is null as leak_is_last,
    count(*) over (order by o.ordered_at rows between current row and 3 following)
    + sum(o.amount) over (order by o.ordered_at rows between current row and 3 following) as leak_following,
    first_value(o.amount) over (partition by o.customer_id order by o.ordered_at desc) as leak_latest_amount,
    sum(o.is_return) over (
        partition by o.product_id order by o.ordered_at rows between 10 preceding and current row
    ) as leak_window_off_by_one,
    lag(o.is_return) over customer as leak_previous_return,
    o.is_return as leak_label,
    case when o.returned then 1.5 else 0.5 end * o.amount as leak_label_mixed,
    month_rates.rate as leak_rate_of_month,
    current_prices.price as leak_current_price,
    (
        select max_by(p.price, p.valid_from) from prices as p
        where p.product_id = o.product_id and p.valid_from <= o.ordered_at + interval 1 day
    ) as leak_price_of_tomorrow,
    coalesce(c.corrected_amount, o.amount) as leak_corrected_amount,
    date_diff('hour', o.ordered_at, s.delivered_at) as leak_delivery_hours,
    date_diff('hour', o.ordered_at, s.shipped_at) as leak_shipping_hours,
    (
        select count(*) from visits as v
        where v.customer_id = o.customer_id and cast(v.visited_at as date) = cast(s.delivered_at as date)
    ) as leak_visits_on_arrival,
    (
        select count(*) from visits as v
        where v.visited_at between o.ordered_at - interval 1 day and o.ordered_at + interval 1 day
    ) as leak_visits_around,
    (select max(v.visited_at) from visits as v where v.customer_id = o.customer_id) as leak_last_visit_of_all

from orders as o
left join {{ source('shop', 'products') }} as products on o.product_id = products.product_id
left join {{ ref('day_returns') }} as days on o.day = days.day
left join {{ ref('seasons') }} as seasons on date_trunc('week', o.day) = seasons.week
left join {{ ref('customer_returns') }} as customers on o.customer_id = customers.customer_id
left join month_rates on o.product_id = month_rates.product_id and date_trunc('month', o.ordered_at) = month_rates.month
left join current_prices on o.product_id = current_prices.product_id
left join corrections as c on o.order_id = c.order_id
left join shipments as s on o.order_id = s.order_id
window
    customer as (partition by o.customer_id order by o.ordered_at, o.order_id),
    earlier as (
        partition by o.customer_id order by o.ordered_at, o.order_id
        rows between unbounded preceding and 1 preceding
    ),
    to_now as (
        partition by o.customer_id order by o.ordered_at, o.order_id rows between unbounded preceding and current row
    )
