select
    p.patient_id,
    p.clinic,
    p.recovered,
    p.age as ok_age,
    clinics.mean_age as ok_mean_age,
    count(*) over (partition by p.clinic) as ok_patients,
    clinics.rate as leak_rate_of_clinic,
    avg(cast(p.recovered as integer)) over (partition by p.age // 10) as leak_rate_of_age,
    cast(p.recovered as integer) + p.age as leak_label
from {{ source('clinic', 'patients') }} as p
left join {{ ref('clinics') }} as clinics on p.clinic = clinics.clinic
