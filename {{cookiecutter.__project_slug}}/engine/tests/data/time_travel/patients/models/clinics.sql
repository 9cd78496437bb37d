select clinic, avg(cast(recovered as integer)) as rate, avg(age) as mean_age
from {{ source('clinic', 'patients') }}
group by clinic
