select *, case when defaulted then 1 else 0 end as bad from {{ source('bank', 'loans') }}
