// Azurite derives classes from Sequelize's Model as it loads, although it keeps nothing in an SQL database here.
exports.Model = class {};
