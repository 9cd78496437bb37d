-- Patients of clinics, without times.
create schema clinic;

create table clinic.patients as
select
    i as patient_id,
    concat('C', hash(i, 'clinic') % 40) as clinic,
    20 + hash(i, 'age') % 60 as age,
    hash(i, 'recovered') % 3 = 0 as recovered
from range(2000) numbers (i);
