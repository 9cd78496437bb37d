{#- The relation has a plausible number of rows: a source that came empty or twice stops here. -#}
{% test row_count_between(model, min, max) %}

select count(*) as row_count

from {{ model }}
having count(*) < {{ min }} or count(*) > {{ max }}

{% endtest %}
