"""The query dialect of the API: filters, projections, sorting and paging over the rows of a store."""
