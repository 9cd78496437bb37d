select
    reading_id,
    read_at,
    fails,
    temperature as ok_temperature,
    temperature - lag(temperature) over machine as ok_change,
    avg(temperature) over (
        partition by machine order by read_at range between interval 2 hour preceding and current row
    ) as ok_mean_of_two_hours,
    sum(cast(fails as integer)) over (
        partition by machine order by read_at range between interval 1 day preceding and interval 1 hour preceding
    ) as ok_failures_before,
    avg(temperature) over (
        partition by machine order by read_at range between interval 1 hour preceding and interval 1 hour following
    ) as leak_smoothed,
    sum(cast(fails as integer)) over (
        partition by machine order by read_at range between interval 1 day preceding and interval 1 minute preceding
    ) as leak_failures_too_early,
    avg(temperature) over (partition by machine, cast(read_at as date)) as leak_mean_of_day,
    max(temperature) over (partition by machine, date_trunc('hour', read_at)) as leak_peak_of_hour
from {{ source('plant', 'readings') }}
window machine as (partition by machine order by read_at)
